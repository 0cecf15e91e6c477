"""The vector files that all jobs share which embed in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.paths import cache_dir
from evalsuite.schema import CODE_VERSION, digest


def shared_vectors(
    fingerprint: str,
    protocol: Mapping[str, Any],
    *,
    engine: str,
    device: str,
    precision: str,
    read: bool = True,
) -> VectorFiles:
    """Vector files in the user's cache.

    Two jobs get the same files only if all of this is the same, and also the versions of torch and
    of evalsuite's own code. The prefix and the texts are part of each file's name.

    Args:
        fingerprint: Of the checkpoint that embeds.
        protocol: All facts of its embedding protocol.
        engine: Name and version.
        device: ``cpu``, or ``cuda`` and the GPU's name: the vectors of one GPU are not those of
            another, bit by bit.
        precision: Of weights and activations, never ``auto``.
        read: Whether to use what earlier jobs have left.

    Raises:
        UsageError: If the limit in the environment is not a number.
    """
    versions = engine, metadata.version("torch")
    scope = digest([fingerprint, protocol, versions, device, precision, CODE_VERSION])
    return VectorFiles(cache_dir() / "vectors", scope[:32], read=read)
