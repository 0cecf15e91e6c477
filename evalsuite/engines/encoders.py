"""Choice of the encoder engine for a checkpoint, and what the engines share in loading it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from evalsuite.engines.protocols import Device, DType, Encoder
from evalsuite.errors import CheckpointError, EvalsuiteError, UsageError, first_line

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

LONGEST: Final = 10**6
"""Tokens; a tokenizer's limit above this is transformers' way of saying that it has none."""


def load_encoder(
    checkpoint: Checkpoint,
    *,
    device: Device = "auto",
    dtype: DType = "auto",
    weights: bool = True,
) -> Encoder:
    """Load the encoder that the checkpoint's embedding protocol names.

    vLLM runs inside the calling process and changes its environment: with it, call this in a
    process that exits when the encoder is no longer needed.

    Args:
        checkpoint: The checkpoint.
        device: Where to run.
        dtype: Precision; for ``auto`` see :func:`~evalsuite.engines.device.resolve_dtype`.
        weights: Whether to load the model. Without it only the tokenizer is loaded and only
            ``render`` works: enough for a dry run.

    Returns:
        The encoder.

    Raises:
        CheckpointError: If the checkpoint cannot embed, or cannot be loaded.
        EngineError: If the engine cannot run here, or the model does not show the attention that
            the protocol asks for.
        UsageError: If the device is not there, or the maximal length beyond the model's.
    """
    protocol = checkpoint.embedding
    if protocol is None:
        reason = checkpoint.cannot.get("embedding", "it has no embedding protocol")
        raise CheckpointError(
            f"{checkpoint.name} cannot embed: {reason}", "choose a protocol with --protocol"
        )
    positions = checkpoint.max_positions
    if protocol.max_length and positions and protocol.max_length > positions:
        raise UsageError(
            f"maximal length {protocol.max_length} is beyond the {positions} positions of "
            f"{checkpoint.name}",
            f"pass --max-length {positions} or less",
        )
    if protocol.engine == "sentence-transformers":
        from evalsuite.engines.transformers.sentence_transformers import SentenceTransformersEncoder

        return SentenceTransformersEncoder(
            checkpoint, protocol, device=device, dtype=dtype, weights=weights
        )
    if protocol.engine == "vllm":
        from evalsuite.engines.vllm.encoder import VllmEncoder

        return VllmEncoder(checkpoint, protocol, device=device, dtype=dtype, weights=weights)
    from evalsuite.engines.transformers.encoder import TransformersEncoder

    return TransformersEncoder(checkpoint, protocol, device=device, dtype=dtype, weights=weights)


@contextmanager
def loading(checkpoint: Checkpoint, what: str) -> Iterator[None]:
    """Turn what the libraries raise on a broken checkpoint into an error of one line.

    Args:
        checkpoint: What is being loaded.
        what: Which part of it: ``model`` or ``tokenizer``.

    Raises:
        CheckpointError: In the place of the library's error.
    """
    try:
        yield
    except EvalsuiteError:
        raise
    # What a damaged file makes a library raise is open: ZeroDivisionError for a model without
    # heads, a bare Exception from the tokenizers library, and whatever a model's own code raises.
    except Exception as error:
        reason = first_line(error)
        if "ignore_mismatched_sizes" in str(error):  # an option of transformers, not ours
            reason = "its weights have other shapes than its config.json says"
        raise CheckpointError(
            f"the {what} of {checkpoint.name} cannot be loaded: {reason}",
            f"check the files in {checkpoint.path}",
        ) from error
