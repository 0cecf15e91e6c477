"""Scores over the steps of a training run: how much checkpoints vary, and what a drop means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.stats.differences import Difference

WINDOW: Final = 5
"""Checkpoints over which the noise of a training run is measured."""
FEWEST: Final = 3
"""Checkpoints below which their spread says nothing."""


def noise_band(
    scores: Sequence[float | None], window: int = WINDOW
) -> list[tuple[float, float] | None]:
    """How far neighbouring checkpoints lie apart, around each of them.

    Around the mean of the last ``window`` checkpoints, from one standard deviation (divisor
    ``n − 1``) below to one above (the noise of Heineman et al., "Signal and noise: a framework
    for reducing uncertainty in language model evaluation", arXiv 2508.13144, there relative to
    the mean). A rise or fall within the window widens it.

    Args:
        scores: By step; ``None`` where a checkpoint has none, which is passed over.
        window: Checkpoints, at least :data:`FEWEST`.

    Returns:
        Low and high end at each checkpoint; ``None`` at those without a score and at those with
        fewer than ``window`` scores up to them.

    Raises:
        ValueError: For a window of fewer than :data:`FEWEST`.
    """
    if window < FEWEST:
        raise ValueError(f"a window of {window} checkpoints, {FEWEST} are needed")
    found: list[tuple[float, float] | None] = []
    seen: list[float] = []
    for score in scores:
        if score is not None:
            seen.append(score)
        if score is None or len(seen) < window:
            found.append(None)
            continue
        last = np.asarray(seen[-window:], dtype=np.float64)
        mean, spread = float(last.mean()), float(last.std(ddof=1))
        found.append((mean - spread, mean + spread))
    return found


def against_mean(
    scores: ArrayLike, candidate: float, covariance: ArrayLike, groups: int, *, paired: bool
) -> Difference:
    r"""A checkpoint against the mean of ``n`` earlier ones of a training run.

    With both sources of variance: the choice of test items, and the chance that training adds to
    each checkpoint. The standard error is ``√(v + τ²·(1 + 1/n))``:

    - ``v = cᵀCc`` with ``c = (−1/n, …, −1/n, 1)`` is the variance that the items give to the
      difference, ``C`` their covariance;
    - ``τ² = max(0, s² − w)`` is the variance between checkpoints: that of their scores, ``s²``
      (divisor ``n − 1``), less the part ``w`` of it that the items explain, ``(tr C_n −
      1ᵀC_n1/n)/(n − 1)`` with ``C_n`` the covariance of the ``n`` alone (the method of moments,
      as DerSimonian and Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7,
      1986);
    - ``1 + 1/n``, not ``1/n``: the candidate too is one draw of what training makes by chance.

    Student's t has the degrees of freedom of Satterthwaite, "An approximate distribution of
    estimates of variance components", Biometrics Bulletin 2 (1946), rounded down.

    Args:
        scores: Of the earlier checkpoints, shape ``(n,)``, at least :data:`FEWEST`.
        candidate: Score of the new one.
        covariance: Of all scores by the choice of items, the candidate's last, shape
            ``(n + 1, n + 1)``: from :func:`evalsuite.stats.covariance` on the same items; the
            squared standard errors on the diagonal where items differ.
        groups: Independent items, at least 2.
        paired: Whether all checkpoints saw the same items.

    Raises:
        ValueError: For too few checkpoints.
    """
    earlier, matrix = np.asarray(scores, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    n = earlier.size
    if n < FEWEST:
        raise ValueError(f"a mean of {n} checkpoints, {FEWEST} are needed")
    weights = np.append(np.full(n, -1 / n), 1.0)
    items = max(0.0, float(weights @ matrix @ weights))
    within = matrix[:n, :n]
    explained = float(np.trace(within) - within.sum() / n) / (n - 1)
    spread = float(earlier.var(ddof=1))
    between = max(0.0, spread - explained) * (1 + 1 / n)
    whole = items + between
    doubt = items**2 / (groups - 1) + (spread * (1 + 1 / n)) ** 2 / (n - 1)
    freedom = max(1, math.floor(whole**2 / doubt)) if doubt > 0 else groups - 1
    delta = candidate - float(earlier.mean())
    return Difference(delta, math.sqrt(whole), 1 + freedom, paired=paired)
