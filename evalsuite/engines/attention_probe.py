"""How a model attends, seen from what it does with two probes.

The probes are token sequences that differ in their last token only. With causal attention this
changes no hidden state before the last one, with bidirectional attention all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from evalsuite.engines.device import DeviceName, DTypeName
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


SINKS: Final[dict[DeviceName, int]] = {"cpu": 0, "cuda": 1}
"""Device → positions of a probe that may stay as they are though the attention is bidirectional:
the first token of a large model hardly changes with the others."""


@dataclass(frozen=True, slots=True)
class Observed:
    """How a model attends, and by which figures that is known."""

    attention: Attention | None
    """``None`` where it is neither causal nor bidirectional."""
    figures: str


def observe(first: Any, second: Any, dtype: DTypeName, *, sinks: int = 0) -> Observed:
    """How a model attends, by the positions before the last token whose states it changed.

    Args:
        first: Hidden states of the one probe before its last token, shape ``(…, t, d)``, float32.
        second: Those of the other.
        dtype: Precision that they were computed in.
        sinks: Positions of each probe that may stay as they are; see :data:`SINKS`.

    Returns:
        ``causal`` where no position changed, ``bidirectional`` where all did, else ``None``.
    """
    change = (first - second).norm(dim=-1) / first.norm(dim=-1)
    counts = (change > _CHANGE[dtype]).sum(dim=-1)
    figures = (
        f"the last token changed {int(counts.min())} of {change.shape[-1]} earlier states by more "
        f"than {_CHANGE[dtype]:g}; relative changes {float(change.min()):.1e} to "
        f"{float(change.max()):.1e}"
    )
    if bool((counts >= change.shape[-1] - sinks).all()):
        return Observed("bidirectional", figures)
    return Observed(None if bool(counts.any()) else "causal", figures)


def check(model: str, observed: Observed, wanted: Attention | None) -> None:
    """Refuse a model that attends otherwise than the protocol asks for.

    Args:
        model: Name of its class.
        observed: How it attends.
        wanted: What the protocol says.

    Raises:
        EngineError: Where the two differ.
    """
    shown = observed.attention
    if shown != wanted:
        raise EngineError(
            f"{model} attends {shown or 'partly bidirectional'}, but "
            f"the protocol asks for {wanted} attention ({observed.figures})",
            f"pass --attention {shown}" if shown else "its embeddings cannot be trusted",
        )
