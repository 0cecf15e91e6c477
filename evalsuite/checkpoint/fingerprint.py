"""Hash over a checkpoint's bytes: computed in parallel, remembered by path, size and times.

Definition::

    file digest        = SHA-256( size as 8 bytes, big-endian
                                  ‖ SHA-256(chunk) for each 64 MiB chunk )
    folder fingerprint = SHA-256( "evalsuite:folder:1" NUL
                                  ‖ for each file, sorted by name: name NUL file digest )

where names are relative to the folder, with ``/`` between parts, in UTF-8. Hashing by chunks
lets one large file use all cores.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from evalsuite.errors import CheckpointError
from evalsuite.files import remembered_hashes, stamp

CHUNK: Final = 64 * 2**20
"""Bytes hashed as one leaf."""

_READ: Final = 2**20


def folder_fingerprint(folder: Path, files: Sequence[Path], cache: Path) -> str:
    """Fingerprint files of a folder by their relative names and contents.

    Args:
        folder: Names are relative to it; its own name does not enter.
        files: Files in or below it.
        cache: Where hashes are remembered.

    Returns:
        64 hex digits.

    Raises:
        CheckpointError: Where a file cannot be read or changes while it is read.
    """
    named = {path.relative_to(folder).as_posix(): path for path in files}
    digests = file_digests(folder, named, cache)
    whole = hashlib.sha256(b"evalsuite:folder:1\0")
    for name in sorted(digests):
        whole.update(name.encode() + b"\0" + bytes.fromhex(digests[name]))
    return whole.hexdigest()


def combined(form: str, *fingerprints: str) -> str:
    """Fingerprint of what is made from other fingerprinted things.

    Args:
        form: How it is made, for example ``adapter:1``.
        fingerprints: 64 hex digits each, in order.
    """
    whole = hashlib.sha256(f"evalsuite:{form}\0".encode())
    for part in fingerprints:
        whole.update(bytes.fromhex(part))
    return whole.hexdigest()


def file_digests(owner: Path, files: Mapping[str, Path], cache: Path) -> dict[str, str]:
    """Digest files, or recall digests of files that have not changed.

    Args:
        owner: Checkpoint that the files belong to; its absolute path names the memory.
        files: Name → path.
        cache: Where digests are remembered.

    Returns:
        Name → digest in hex.

    Raises:
        CheckpointError: Where a file cannot be read or changes while it is read.
    """
    name = hashlib.sha256(os.fsencode(owner.resolve())).hexdigest()[:32]
    try:
        return remembered_hashes(cache / "fingerprints" / f"{name}.json", files, _hash_files)
    except OSError as error:
        raise CheckpointError(
            f"{error.filename or owner} cannot be read ({error.strerror or error})"
        ) from error


def _hash_files(files: Mapping[str, Path]) -> dict[str, str]:
    """Digest files with all cores: ``hashlib`` releases the interpreter's lock."""
    if not files:
        return {}
    stamps = {name: stamp(path) for name, path in files.items()}
    digests: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=min(32, os.cpu_count() or 1)) as pool:
        leaves = {
            name: [
                pool.submit(_hash_chunk, path, start) for start in range(0, stamps[name][0], CHUNK)
            ]
            for name, path in files.items()
        }
        for name, path in files.items():
            whole = hashlib.sha256(stamps[name][0].to_bytes(8, "big"))
            for leaf in leaves[name]:
                whole.update(leaf.result())
            if stamp(path) != stamps[name]:
                raise CheckpointError(
                    f"{path} is still being written: it changed while it was read",
                    "wait until it is complete",
                )
            digests[name] = whole.hexdigest()
    return digests


def _hash_chunk(path: Path, start: int) -> bytes:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_READ))
    left = CHUNK
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while left and (count := file.readinto(buffer[: min(_READ, left)])):
            digest.update(buffer[:count])
            left -= count
    return digest.digest()
