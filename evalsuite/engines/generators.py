"""Loading a generator for a checkpoint, and what the implementations share.

The implementations are imported on demand: importing this module loads no model library.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.checkpoint.models import Checkpoint, GeneratorEngine
from evalsuite.engines.protocols import Device, DType, GenerationRequest, Generator, ScoreRequest
from evalsuite.errors import EngineError
from evalsuite.results.suspicions import refused

DEFAULT_CONTEXT = 8192
"""Context length unless a person asks for another: enough for the GRIT paper's tasks, whose
longest answers have 6,144 tokens, and small enough for a modest key-value cache."""

FALLBACK_POSITIONS = 2048
"""Taken where a config does not say how many positions the model has."""


def load_generator(
    checkpoint: Checkpoint,
    *,
    engine: GeneratorEngine,
    device: Device = "auto",
    dtype: DType = "auto",
    max_length: int | None = None,
    prefix_caching: bool = False,
) -> Generator:
    """Load a checkpoint for generation.

    The vLLM engine runs inside the calling process and changes its environment: call it in a
    process that exits when the engine is no longer needed.

    Args:
        checkpoint: A checkpoint that can generate.
        engine: ``vllm``, or ``transformers`` for machines without vLLM.
        device: Where to run.
        dtype: Precision; ``auto`` for the checkpoint's own (float32 where it cannot run).
        max_length: Context length in tokens; at most the model's own.
        prefix_caching: Whether vLLM keeps what it computed for the beginnings of prompts.

    Raises:
        EngineError: If the checkpoint cannot generate, or the engine cannot run here.
    """
    if reason := checkpoint.cannot.get("generative"):
        raise EngineError(f"{checkpoint.name} cannot generate: {reason}")
    length = context_length(checkpoint.max_positions, max_length)
    if engine == "vllm":
        from evalsuite.engines.vllm.generator import VllmGenerator

        return VllmGenerator(
            checkpoint,
            device=device,
            dtype=dtype,
            max_length=length,
            prefix_caching=prefix_caching,
        )
    from evalsuite.engines.transformers.generator import TransformersGenerator

    return TransformersGenerator(checkpoint, device=device, dtype=dtype, max_length=length)


def wave_of(engine: GeneratorEngine) -> int:
    """Number of requests in one call that keeps an engine busy, before it is loaded."""
    if engine == "vllm":
        from evalsuite.engines.vllm import generator as module
    else:
        from evalsuite.engines.transformers import generator as module  # type: ignore[no-redef]

    return module.WAVE


def context_length(positions: int | None, wanted: int | None) -> int:
    """Context length to run with.

    Args:
        positions: What the model was built for; ``None`` if unknown.
        wanted: What a person asked for.

    Raises:
        EngineError: If more is wanted than the model has.
    """
    available = positions or FALLBACK_POSITIONS
    if wanted is None:
        return min(available, DEFAULT_CONTEXT)
    if positions is not None and wanted > positions:
        raise EngineError(
            f"a context of {wanted} tokens is longer than the model's {positions}",
            "lower --max-length",
        )
    return wanted


def check_ids(requests: Sequence[GenerationRequest | ScoreRequest], rows: int, name: str) -> None:
    """Refuse token ids without an embedding.

    A GPU would stop with an error that says nothing, or read what lies behind the matrix.

    Args:
        requests: What a model is asked.
        rows: Tokens that it has embeddings for.
        name: The checkpoint's, for the message.

    Raises:
        EngineError: With the code ``vocabulary-mismatch``.
    """
    largest = max((max(_ids(request), default=0) for request in requests), default=0)
    if largest >= rows:
        raise refused(
            "vocabulary-mismatch",
            f"a prompt has the token {largest:,}, but {name} has {rows:,} embeddings",
            "copy the tokenizer files of the model it was trained from into it",
        )


def _ids(request: GenerationRequest | ScoreRequest) -> tuple[int, ...]:
    if isinstance(request, GenerationRequest):
        return request.prompt_ids
    return request.context_ids + request.continuation_ids


def not_finite() -> EngineError:
    """The error of a model whose logits are NaN or infinite."""
    return refused(
        "not-finite",
        "the model gives logits that are NaN or infinite",
        "check its weights, or use another precision (--dtype float32)",
    )


def cut_at_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """Cut a text before the first of some stop strings.

    Args:
        text: The generated text.
        stop: Stop strings; empty ones are ignored.

    Returns:
        The text up to the earliest stop string, and whether one was found.
    """
    found = [position for item in stop if item and (position := text.find(item)) >= 0]
    return (text[: min(found)], True) if found else (text, False)
