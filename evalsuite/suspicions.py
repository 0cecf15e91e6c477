"""Results that must not be believed: what each kind is called, and from when on it counts.

Two kinds (``docs/wrong-results.md``). Where no score means anything, the job is *refused*: it
fails with an error that begins with the code. Where there is a score that must not be trusted
without a look, it is *marked*: the record keeps a :class:`~evalsuite.schema.Suspicion`, every
table shows it, and the command ends with ``ExitCode.SUSPECT``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from evalsuite.errors import EngineError
from evalsuite.schema import Record, Suspicion, SuspicionCode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNPARSED_SHARE: Final = 0.95
"""From this share of unparsed answers on, a score does not describe the answers."""

TRUNCATED_SHARE: Final = 0.01
"""From this share of truncated prompts on, a score is marked; below, a warning names them."""

COLLAPSED_COSINE: Final = 0.9999
"""Mean cosine of pairs of different texts above which vectors are taken for alike.

Healthy but anisotropic models stay far below: SmolLM2-135M, never trained to embed, has 0.79
(mean over the tokens) and 0.87 (last token) on sentences of an STS task.
"""

COLLAPSED_TEXTS: Final = 8
"""Fewer different texts may be alike by chance."""

_NOT_FOUND: Final = {"unparsed": "no answer was found in", "unjudged": "no verdict was found in"}
"""Metric (a share of the samples) → what it says."""


def refused(code: SuspicionCode, message: str, hint: str) -> EngineError:
    """The error of a job whose score would mean nothing; its reason begins with the code."""
    return EngineError(f"{code}: {message}", hint)


PART_ITEMS: Final = 10
"""A part of a task with fewer items (on average) may have no answer by chance."""


def nothing_parsed(metrics: Mapping[str, float], n: int) -> tuple[Suspicion, ...]:
    """Whether (nearly) no response had an answer that could be parsed.

    Args:
        metrics: Of a record; ``unparsed`` and ``unjudged`` are read where they are, and
            ``part/unparsed`` of a task that has parts.
        n: Number of its items.
    """
    found = [
        f"{words} {100 * metrics[name]:.4g} % of the responses"
        for name, words in _NOT_FOUND.items()
        if metrics.get(name, 0.0) >= UNPARSED_SHARE
    ]
    parts = {key: share for key, share in metrics.items() if key.endswith("/unparsed")}
    lost = [key.rpartition("/")[0] for key, share in parts.items() if share >= UNPARSED_SHARE]
    if lost and not found and n >= PART_ITEMS * len(parts):
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        found.append(
            f"no answer was found in at least {100 * UNPARSED_SHARE:.0f} % of the responses of "
            f"{len(lost)} of {len(parts)} parts: {', '.join(lost[:3])}{more}"
        )
    hint = "look at the responses (evalsuite report) and at the prompt"
    return tuple(Suspicion(code="nothing-parsed", what=what, next_step=hint) for what in found)


def truncated_prompts(
    cut: int, asked: int, context: int
) -> tuple[tuple[Suspicion, ...], tuple[str, ...]]:
    """What to say of prompts that were cut on the left to fit the context.

    Args:
        cut: How many were.
        asked: Of how many.
        context: Length of the context in tokens.

    Returns:
        A suspicion, or for a handful (less than ``TRUNCATED_SHARE``) a warning.
    """
    if not cut:
        return (), ()
    what = f"{cut:,} of {asked:,} prompts were truncated on the left to {context:,} tokens"
    if cut < TRUNCATED_SHARE * asked:
        return (), (f"truncated-prompts: {what}",)
    hint = "take a checkpoint with a longer context, fewer shots, or shorter answers"
    return (Suspicion(code="truncated-prompts", what=what, next_step=hint),), ()


def collapsed(vectors: NDArray[np.float32], which: str) -> tuple[Suspicion, ...]:
    """Whether vectors of different texts are all alike.

    Args:
        vectors: Of different texts, shape ``(n, d)``.
        which: What the texts are, for the message.

    Returns:
        A suspicion if the mean cosine over all pairs, ``(|Σu|² − n) / (n (n − 1))`` with the unit
        vectors ``u``, is above ``COLLAPSED_COSINE``.
    """
    import numpy as np

    count = len(vectors)
    if count < COLLAPSED_TEXTS:
        return ()
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    total = (wide / np.where(lengths > 0, lengths, 1)).sum(axis=0)
    mean = (float(total @ total) - count) / (count * (count - 1))
    if mean <= COLLAPSED_COSINE:
        return ()
    what = f"{count} different {which} have nearly the same vector (mean cosine {mean:.6f})"
    hint = "check the checkpoint's weights and its pooling (--pooling)"
    return (Suspicion(code="collapsed-embeddings", what=what, next_step=hint),)


def said(suspicion: Suspicion) -> str:
    """A suspicion in one line."""
    return f"{suspicion.code}: {suspicion.what}; {suspicion.next_step}"


def codes(records: Iterable[Record]) -> tuple[SuspicionCode, ...]:
    """The codes of what is suspected of some scores, each once."""
    return tuple(
        dict.fromkeys(one.code for r in records if r.score is not None for one in r.suspicions)
    )
