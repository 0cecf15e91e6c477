"""Tests that may be looked at after every item: betting on a mean of bounded values.

A gambler starts with a capital of 1 and bets on the next value, from the earlier values alone.
If the hypothesis holds, no strategy makes a profit on average, and the capital exceeds ``1/α`` at
any time with a chance of at most ``α`` (Ville's inequality). So ``1/capital`` is a p-value
whenever one looks. Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", Journal of the Royal Statistical Society B 86 (2024).

All values lie in ``[0, 1]``; the last axis is time, others are repetitions.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalsuite.stats.intervals import Interval

Floats = NDArray[np.float64]
Side = Literal["below", "above"]

MOST_OF_CAPITAL = 0.75
"""Largest share of the capital that one value can lose."""
GRID = 1000
"""Steps between 0 and 1 in which an interval is searched."""


def anytime_p(values: ArrayLike, mean: float, side: Side, *, horizon: int, level: float) -> Floats:
    """P-values of "the mean is ``mean``, or lies on the other side of it", after each value.

    The capital is the mean of two: one bets what would have been best so far (aGRAPA), the other
    what suits a decision at ``level`` after ``horizon`` values.

    Args:
        values: In ``[0, 1]``, in random order, shape ``(…, n)``.
        mean: What is tested; strictly between 0 and 1.
        side: Where the true mean is suspected: ``below`` or ``above``.
        horizon: Number of values there are in all, at least 1.
        level: At which the test is going to be used; decides the size of the bets alone.

    Returns:
        The smallest p-value up to each value, shape ``(…, n)``. Valid for any ``level``,
        ``horizon`` and time of looking.
    """
    x = np.asarray(values, dtype=np.float64)
    centre, spread = _past(x)
    limit = (
        (-MOST_OF_CAPITAL / (1 - mean), 0.0) if side == "below" else (0.0, MOST_OF_CAPITAL / mean)
    )
    gap = centre - mean
    adapted = np.clip(gap / (spread + gap**2), *limit)
    sign = -1.0 if side == "below" else 1.0
    planned = np.clip(sign * np.sqrt(2 * math.log(1 / level) / (spread * horizon)), *limit)
    capitals = [np.cumsum(np.log1p(bet * (x - mean)), axis=-1) for bet in (adapted, planned)]
    log_capital = np.logaddexp(*capitals) - math.log(2)
    best: Floats = np.maximum.accumulate(np.maximum(log_capital, 0.0), axis=-1)
    return np.asarray(np.exp(-best), dtype=np.float64)


def largest_mean(values: ArrayLike, *, horizon: int, alpha: float) -> float:
    """Upper bound of a mean: all larger ones are rejected by :func:`anytime_p`.

    Args:
        values: In ``[0, 1]``, in random order, shape ``(n,)``.
        horizon: Number of values there are in all.
        alpha: Chance that the mean is larger, whenever one looks.
    """
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        p = anytime_p(values, middle, "below", horizon=horizon, level=alpha)[-1]
        low, high = (low, middle) if p <= alpha else (middle, high)
    return high


def sampled_mean_interval(values: ArrayLike, total: int, level: float = 0.95) -> Interval:
    """Interval of the mean of a finite set, of which some values were drawn in random order.

    Drawing goes without replacement: a hypothetical mean ``m`` of all ``total`` values leaves
    ``(total·m − S) / (total − t)`` for the rest, and the bets are against that. The interval holds
    at any time of looking, and becomes exact when all values are drawn. The hedged capital of
    Waudby-Smith and Ramdas, with their predictable plug-in bets.

    Args:
        values: The drawn ones, in ``[0, 1]``, in the order of drawing, shape ``(n,)``, ``n ≥ 1``.
        total: Size of the set, at least ``n``.
        level: Coverage.
    """
    x = np.asarray(values, dtype=np.float64)
    alpha, drawn = 1 - level, x.size
    _, spread = _past(x)
    time = np.arange(1, drawn + 1)
    bets = np.sqrt(2 * math.log(2 / alpha) / (spread * time * np.log1p(time)))
    means = np.arange(GRID + 1) / GRID
    up, down, best = np.zeros(GRID + 1), np.zeros(GRID + 1), np.zeros(GRID + 1)
    done = 0.0
    for t, (value, bet) in enumerate(zip(x, bets, strict=True)):
        rest = (total * means - done) / (total - t)
        impossible = (rest < 0) | (rest > 1)
        inside = np.clip(rest, 1e-9, 1 - 1e-9)
        up += np.log1p(np.minimum(bet, MOST_OF_CAPITAL / inside) * (value - inside))
        down += np.log1p(-np.minimum(bet, MOST_OF_CAPITAL / (1 - inside)) * (value - inside))
        capital = np.where(impossible, np.inf, np.logaddexp(up, down) - math.log(2))
        best = np.maximum(best, capital)
        done += value
    least, most = done / total, (done + total - drawn) / total
    kept = means[best < math.log(1 / alpha)]
    if not kept.size:  # between two steps of the grid
        kept = np.array([done / drawn])
    low = max(least, float(kept[0]) - 1 / GRID)
    high = min(most, float(kept[-1]) + 1 / GRID)
    return Interval(low, high, level)


def _past(x: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of what stands before each value, drawn a little to ½ and ¼."""
    count = np.arange(1, x.shape[-1] + 1)
    centre = (0.5 + np.cumsum(x, axis=-1)) / (count + 1)
    spread = (0.25 + np.cumsum((x - centre) ** 2, axis=-1)) / (count + 1)
    return _before(centre, 0.5), _before(spread, 0.25)


def _before(found: Floats, first: float) -> Floats:
    return np.concatenate([np.full((*found.shape[:-1], 1), first), found[..., :-1]], axis=-1)
