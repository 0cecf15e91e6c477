"""Medians of repeated measurements, with intervals that assume no distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalsuite.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Median:
    """A median, its interval, and how many values it is of."""

    value: float
    interval: Interval
    n: int

    @property
    def spread(self) -> float:
        """Distance of the farther end of the interval, as a share of the median.

        Infinite for a single value: it gives no interval.
        """
        if self.n < 2:
            return math.inf
        reach = max(self.interval.high - self.value, self.value - self.interval.low)
        return reach / self.value if self.value else 0.0


def median(values: Sequence[float], level: float = 0.95) -> Median:
    """The median with the interval between two order statistics.

    The interval from the k-th smallest to the k-th largest of ``n`` values covers the median of
    a continuous distribution with probability ``1 − 2·P(B < k)``, ``B ~ Binomial(n, ½)`` (the
    sign test turned round). The largest such ``k`` is taken; where even the smallest and largest
    value cover less than ``level`` (``n < 6`` for 95 %), these are given with what they do cover.

    Args:
        values: At least one.
        level: Coverage that is wanted.
    """
    ordered = sorted(values)
    n = len(ordered)
    half = n // 2
    value = ordered[half] if n % 2 else (ordered[half - 1] + ordered[half]) / 2
    covered, rank = _coverage(n, 1), 1
    while rank + 1 <= n // 2 and _coverage(n, rank + 1) >= level:
        rank += 1
        covered = _coverage(n, rank)
    return Median(value, Interval(ordered[rank - 1], ordered[n - rank], covered), n)


def _coverage(n: int, rank: int) -> float:
    below = sum(math.comb(n, i) for i in range(rank))
    return float(1 - 2 * below / 2**n)
