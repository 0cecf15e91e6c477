"""Differences between two models, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.stats.distributions import t_quantile, t_tail
from evalsuite.stats.errors import group_sums
from evalsuite.stats.intervals import Interval

POWER = 0.8


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of one metric between two models: the second minus the first."""

    delta: float
    stderr: float
    groups: int
    """Independent items or clusters."""
    paired: bool
    """Whether both models saw the same items."""

    def interval(self, level: float = 0.95) -> Interval:
        """Confidence interval with Student's t."""
        reach = t_quantile((1 + level) / 2, self.groups - 1) * self.stderr
        return Interval(self.delta - reach, self.delta + reach, level)

    @property
    def p(self) -> float:
        """Two-sided p-value of "no difference"."""
        if self.stderr == 0:
            return 1.0 if self.delta == 0 else 0.0
        return 2 * t_tail(abs(self.delta) / self.stderr, self.groups - 1)

    def detectable(self, alpha: float = 0.05) -> float:
        """The smallest difference that a two-sided test finds with a power of 80 %.

        ``(t_{1−α/2} + t_{0.8}) · stderr``: depends on the spread of the data alone.

        Args:
            alpha: Level of the test.
        """
        freedom = self.groups - 1
        return (t_quantile(1 - alpha / 2, freedom) + t_quantile(POWER, freedom)) * self.stderr


def paired(
    delta: float,
    first: ArrayLike,
    second: ArrayLike,
    groups: Sequence[Hashable] | None = None,
) -> Difference | None:
    """Difference between two models on the same items.

    Its standard error is that of the differences of influences: what both models find hard
    cancels out.

    Args:
        delta: The second model's metric minus the first one's.
        first: Influences of the items on the first model's metric, shape ``(n,)``.
        second: On the second model's, in the same order.
        groups: The group of each item, where items belong together.

    Returns:
        ``None`` for fewer than two groups.
    """
    psi = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    sums = group_sums(psi, groups)
    if sums.size < 2:
        return None
    spread = float(sums @ sums) * sums.size / (sums.size - 1)
    return Difference(delta, math.sqrt(spread) / psi.size, int(sums.size), paired=True)


def unpaired(
    delta: float, first: float, second: float, groups_first: int, groups_second: int
) -> Difference:
    """Difference between two models on different items, or of which no samples are kept.

    Args:
        delta: The second model's metric minus the first one's.
        first: Standard error of the first model's metric.
        second: Of the second's.
        groups_first: Independent items of the first, at least 2.
        groups_second: Of the second.

    Returns:
        With the smaller number of items for the degrees of freedom: on the safe side.
    """
    return Difference(
        delta, math.hypot(first, second), min(groups_first, groups_second), paired=False
    )
