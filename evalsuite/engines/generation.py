"""What all generators share: which token ids they accept, and where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.engines.protocols import GenerationRequest, ScoreRequest
from evalsuite.errors import EngineError
from evalsuite.suspicions import refused


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


def is_not_finite(error: EngineError) -> bool:
    """Whether this is the error of :func:`not_finite`."""
    return error.message == not_finite().message


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
