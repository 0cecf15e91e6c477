"""Tests of differences, and what to do about many of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.stats.distributions import fair_coin_tail, normal_tail, t_tail

SEED = 42
"""Of drawn sign patterns; stored with what rests on them."""
PRECISION = 1e-9
"""Of bounds that are found by bisection."""
EXACT_UP_TO = 14
"""Differences up to which all sign patterns are counted."""


def mcnemar_p(won: int, lost: int) -> float:
    """Exact two-sided McNemar test of two models on the same right-or-wrong items.

    Among the items on which they differ, each is better on half under the null hypothesis
    (McNemar, "Note on the sampling error of the difference between correlated proportions",
    Psychometrika 12, 1947; the exact binomial form).

    Args:
        won: Items that only the second model got right.
        lost: Items that only the first one got right.
    """
    return min(1.0, 2 * fair_coin_tail(min(won, lost), won + lost))


def sign_flip_p(differences: ArrayLike, seed: int = SEED, draws: int = 10_000) -> float:
    """Two-sided paired permutation test of a mean difference.

    If the two models are alike, each difference could as well have the other sign (Fisher, "The
    Design of Experiments", 1935). Counted over all patterns of signs for few differences, over
    seeded ones otherwise; the observed pattern counts itself, so that the test holds its level.

    Args:
        differences: One per item, or sum per cluster, shape ``(n,)``.
        seed: Of the drawn patterns.
        draws: How many are drawn.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not values.size:
        return 1.0
    observed = abs(float(values.sum()))
    least = observed * (1 - 1e-12)  # equal sums may differ in the last bit
    if values.size <= EXACT_UP_TO:
        patterns = np.arange(2**values.size)[:, None] >> np.arange(values.size) & 1
        sums = np.abs((2 * patterns - 1) @ values)
        return float(np.mean(sums >= least))
    rng = np.random.default_rng(seed)
    reached = 0
    block = max(1, 4_000_000 // values.size)
    for start in range(0, draws, block):
        signs = rng.integers(0, 2, (min(block, draws - start), values.size), dtype=np.int8)
        sums = np.abs(2 * (signs @ values) - values.sum())
        reached += int(np.count_nonzero(sums >= least))
    return (reached + 1) / (draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of several tests: the chance of any false alarm is at most the level.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979): ``p̃₍ᵢ₎ = max_{j≤i} min(1, (m − j + 1)·p₍ⱼ₎)``.

    Returns:
        In the order given.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def equivalence_p(delta: float, stderr: float, groups: int, margin: float) -> float:
    """p-value of the claim that a difference lies within ``±margin``.

    Two one-sided t-tests (Schuirmann, "A comparison of the two one-sided tests procedure …",
    Journal of Pharmacokinetics and Biopharmaceutics 15, 1987): the larger of the two p-values.

    Args:
        delta: The difference.
        stderr: Its standard error.
        groups: Number of independent items or clusters, at least 2.
        margin: Above 0.
    """
    return noninferiority_p(-abs(delta), stderr, groups, margin)


def noninferiority_p(delta: float, stderr: float, groups: int, margin: float) -> float:
    """p-value of the claim that a difference lies above ``−margin``: a one-sided t-test.

    Args:
        delta: The difference.
        stderr: Its standard error.
        groups: Number of independent items or clusters, at least 2.
        margin: At least 0.
    """
    if stderr == 0:
        return 0.0 if delta > -margin else 1.0
    p = t_tail((delta + margin) / stderr, groups - 1)
    return p if math.isfinite(p) else 1.0


def paired_proportions_p(won: int, lost: int, samples: int, margin: float) -> float:
    """p-value of the claim that a share of right answers dropped by less than ``margin``.

    The score test of Tango, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17 (1998): the variance is
    that under the hypothesis of a drop of just ``margin``, so that few changes, or none, do not
    count as certainty.

    Args:
        won: Items that only the second model got right.
        lost: Items that only the first one got right.
        samples: All items.
        margin: Between -1 and 1; below 0 for the claim of a gain of at least that much.
    """
    if margin < 0:
        return 1.0 - paired_proportions_p(lost, won, samples, -margin)
    # Share of items won under the hypothesis: the root of the restricted likelihood equation
    # 2n·q² + b·q − won·m·(1 − m) = 0.
    kept = samples - won - lost
    b = 2 * kept * margin - won * (1 - 3 * margin) - lost * (1 - margin)
    root = math.sqrt(b * b + 8 * samples * won * margin * (1 - margin))
    share = (root - b) / (4 * samples)
    variance = (2 * share + margin - margin**2) / samples
    if variance <= 0:
        return 1.0  # no change, and no drop is allowed for: nothing can be shown
    return normal_tail(((won - lost) / samples + margin) / math.sqrt(variance))


def largest_drop(won: int, lost: int, samples: int, significance: float = 0.05) -> float:
    """The largest drop of a share of right answers that paired data does not rule out.

    The bound of a one-sided confidence interval: where :func:`paired_proportions_p` reaches
    ``significance``.

    Args:
        won: Items that only the second model got right.
        lost: Items that only the first one got right.
        samples: All items.
        significance: One minus the one-sided confidence.

    Returns:
        From -1 to 1; negative where a gain is shown.
    """
    low, high = -1.0, 1.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        if paired_proportions_p(won, lost, samples, middle) < significance:
            high = middle
        else:
            low = middle
    return high
