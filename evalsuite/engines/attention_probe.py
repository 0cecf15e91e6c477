"""How a model attends, seen from what it does with two probes.

The probes are token sequences that differ in their last token only. With causal attention this
changes no hidden state before the last one, with bidirectional attention all of them.
"""

from __future__ import annotations

from typing import Any, Final

from evalsuite.engines.device import DTypeName
from evalsuite.errors import EngineError
from evalsuite.schema import Attention

TOKENS: Final = 8
"""Tokens of a probe."""

_CHANGE: Final[dict[DTypeName, float]] = {"float32": 1e-5, "bfloat16": 5e-3, "float16": 5e-3}
"""Relative change of a hidden state that is more than rounding. Causal models show 0, or rounding
in a mixture of experts, where the tokens of an expert share a product of matrices."""


def probes(vocabulary: int) -> tuple[list[int], list[int]]:
    """Two sequences of :data:`TOKENS` token ids below ``vocabulary``; only the last ids differ."""
    one = [(5 + 7 * place) % vocabulary for place in range(TOKENS)]
    return one, [*one[:-1], (one[-1] + 1) % vocabulary]


def shown_attention(
    first: Any, second: Any, dtype: DTypeName, *, sinks: int = 0
) -> Attention | None:
    """How a model attends, by the positions before the last token whose states it changed.

    Args:
        first: Hidden states of the one probe before its last token, shape ``(…, t, d)``, float32.
        second: Those of the other.
        dtype: Precision that they were computed in.
        sinks: Positions of each probe that may stay as they are though the attention is
            bidirectional: the first token of a large model hardly changes with the others.

    Returns:
        ``causal`` where no position changed, ``bidirectional`` where all did, else ``None``.
    """
    changed = (first - second).norm(dim=-1) / first.norm(dim=-1) > _CHANGE[dtype]
    if (changed.sum(dim=-1) >= changed.shape[-1] - sinks).all():
        return "bidirectional"
    return None if changed.any() else "causal"


def check(model: str, observed: Attention | None, wanted: Attention | None) -> None:
    """Refuse a model that attends otherwise than the protocol asks for.

    Args:
        model: Name of its class.
        observed: How it attends; ``None`` where it is neither causal nor bidirectional.
        wanted: What the protocol says.

    Raises:
        EngineError: Where the two differ.
    """
    if observed != wanted:
        raise EngineError(
            f"{model} attends {observed or 'partly bidirectional'}, but "
            f"the protocol asks for {wanted} attention",
            f"pass --attention {observed}" if observed else "its embeddings cannot be trusted",
        )
