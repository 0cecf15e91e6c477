"""Confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalsuite.stats.distributions import normal_quantile, t_quantile


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, in the unit of its estimate."""

    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def fraction_interval(estimate: float, stderr: float, groups: int, level: float = 0.95) -> Interval:
    """Interval of a score between 0 and 1: a share of right answers, nDCG, F1, V-measure, AP.

    Wilson's, with as many items as would give a proportion this standard error,
    ``n* = p(1 − p)/se²``, and Student's t in the place of the normal quantile (for clustered
    proportions: Dean and Pagano, "Evaluating confidence interval methods for binomial proportions
    in clustered surveys", Journal of Survey Statistics and Methodology 3, 2015). It stays within
    0 and 1 and leans away from the nearer of the two, as the distribution of such scores does.

    Args:
        estimate: The metric.
        stderr: Its standard error.
        groups: Number of independent items or clusters, at least 2.
        level: Coverage.
    """
    spread = estimate * (1 - estimate)
    if stderr == 0 and spread > 0:
        return Interval(estimate, estimate, level)
    items = spread / stderr**2 if stderr > 0 and spread > 0 else groups
    return _wilson(estimate, items, t_quantile((1 + level) / 2, groups - 1), level)


def correlation_interval(
    estimate: float, stderr: float, groups: int, level: float = 0.95
) -> Interval:
    """Interval of a score between -1 and 1: Student's t on the scale of Fisher's ``z = artanh r``.

    Args:
        estimate: The correlation.
        stderr: Its standard error, which becomes ``stderr / (1 − r²)`` on that scale.
        groups: Number of independent items or clusters, at least 2.
        level: Coverage.
    """
    if abs(estimate) >= 1:
        return Interval(estimate, estimate, level)
    reach = t_quantile((1 + level) / 2, groups - 1) * stderr / (1 - estimate**2)
    z = math.atanh(estimate)
    return Interval(math.tanh(z - reach), math.tanh(z + reach), level)


def interval(estimate: float, stderr: float, groups: int, level: float = 0.95) -> Interval:
    """``estimate ± t·stderr`` with Student's t on ``groups − 1`` degrees of freedom.

    Args:
        estimate: The metric.
        stderr: Its standard error.
        groups: Number of independent items or clusters, at least 2.
        level: Coverage.
    """
    reach = t_quantile((1 + level) / 2, groups - 1) * stderr
    return Interval(estimate - reach, estimate + reach, level)


def wilson_interval(successes: float, n: int, level: float = 0.95) -> Interval:
    """Interval of a proportion, also near 0 and 1.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        successes: Number (or sum of shares) of successes.
        n: Number of independent items, at least 1.
        level: Coverage.
    """
    return _wilson(successes / n, n, normal_quantile((1 + level) / 2), level)


def _wilson(p: float, n: float, z: float, level: float) -> Interval:
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach), level)
