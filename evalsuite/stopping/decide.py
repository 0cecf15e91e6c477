"""From the answers so far to a verdict, or to none yet: pure functions on arrays.

The chance of an error is split between looking early and the test at the end, one to four: with
``significance`` 0.05, a task ends early at 0.01, and what ran to its end is tested at 0.04. As one
p-value that is ``min(5 · p_early, 1.25 · p_final)``. Among ``m`` tasks, a regression must hold at
``1/m`` of its share, so that Holm's correction over all tasks rejects it, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from evalsuite.schema import Stopped
from evalsuite.stats import (
    anytime_p,
    largest_mean,
    mean_influence,
    paired,
    sampled_mean_interval,
    sign_flip_p,
)
from evalsuite.stats.errors import group_sums
from evalsuite.stopping.rules import StopRule

EARLY: Final = 5.0
"""What a p-value from an early look is multiplied with."""
FINAL: Final = 1.25
"""What the p-value of the test at the end is multiplied with, after early looks."""
LEVEL: Final = 0.95
"""Of the interval for the score over all samples."""
GROWTH: Final = 1.1
"""Least growth of the number of answers from one look to the next."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The samples that were answered so far, in the order of asking, shape ``(n,)`` each."""

    baseline: Floats
    """Scores of the baseline, in ``[0, 1]``."""
    candidate: Floats
    weights: Floats
    groups: tuple[str, ...] | None
    total: int
    """Samples that the task has."""

    @property
    def differences(self) -> Floats:
        """What each sample adds to the difference of the scores."""
        found: Floats = self.weights * (self.candidate - self.baseline)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the answers so far say."""

    verdict: Literal["regression", "pass"] | None
    """``None``: not decided yet."""
    drop_p: float
    """Of "no drop", before any correction; 1 where the test by groups does not agree."""


def next_look(answered: int, total: int, step: int) -> int:
    """After how many answers the next look is due.

    Args:
        answered: Answers so far.
        total: Samples of the task.
        step: The fewest answers between two looks.
    """
    return min(total, max(answered + step, int(np.ceil(GROWTH * answered))))


def look(answered: Answered, rule: StopRule) -> Look:
    """Decide a task, if the answers so far do.

    A regression: a drop is certain enough for all tasks together, and the score so far fell by
    more than is tolerated. A pass: a larger drop than is tolerated is ruled out. Where samples
    belong to groups, the tests that take groups as the units must agree.
    """
    gains, reach = _gains(answered, rule)
    mean = float(gains.mean())
    level = rule.significance / EARLY
    values = (gains / reach + 1) / 2
    share = level / rule.tests
    drop_p = float(anytime_p(values, 0.5, "below", horizon=answered.total, level=share)[-1])
    if answered.groups is not None and not (drop_p <= share and _fell(gains, answered, rule)):
        drop_p = 1.0
    if drop_p <= share and mean < -rule.tolerance:
        return Look(verdict="regression", drop_p=drop_p)
    if rule.tolerance >= reach:
        return Look(verdict="pass", drop_p=drop_p)
    least = (1 - rule.tolerance / reach) / 2
    pass_p = float(anytime_p(values, least, "above", horizon=answered.total, level=level)[-1])
    passed = pass_p <= level and _groups_held(gains, answered, rule)
    return Look(verdict="pass" if passed else None, drop_p=drop_p)


def stopped(answered: Answered, rule: StopRule, found: Look) -> Stopped:
    """What is known of a task that ends with the answers so far."""
    gains, reach = _gains(answered, rule)
    level = rule.significance / EARLY
    # The largest drop is the largest mean of the losses.
    losses = (1 - gains / reach) / 2
    worst = reach * (2 * largest_mean(losses, horizon=answered.total, alpha=level) - 1)
    drawn = answered.weights * answered.candidate
    interval = sampled_mean_interval(drawn / reach, answered.total, LEVEL)
    weight = float(answered.weights.mean())
    return Stopped(
        rule=rule.key,
        n=gains.size,
        total=answered.total,
        score=float(drawn.mean()) / weight,
        low=reach * interval.low,
        high=min(1.0, reach * interval.high),
        baseline=float((answered.weights * answered.baseline).mean()) / weight,
        won=int((gains > 0).sum()),
        lost=int((gains < 0).sum()),
        verdict=found.verdict,
        drop_p=found.drop_p,
        at_worst=worst,
    )


def hybrid_p(early: float, final: float) -> float:
    """One p-value from the early looks and the test at the end."""
    return min(1.0, EARLY * early, FINAL * final)


def _gains(answered: Answered, rule: StopRule) -> tuple[Floats, float]:
    """By how much each sample is better, and the most that one can be."""
    gains: Floats = rule.sign * answered.differences
    return gains, float(max(rule.weights))


def _fell(gains: Floats, answered: Answered, rule: StopRule) -> bool:
    """Whether luck in the choice of groups explains no drop."""
    sums = group_sums(gains, answered.groups)
    return sign_flip_p(sums) / 2 <= rule.significance / EARLY / rule.tests


def _groups_held(gains: Floats, answered: Answered, rule: StopRule) -> bool:
    """Whether luck in the choice of groups explains no absence of a drop."""
    if answered.groups is None:
        return True
    mean = float(gains.mean())
    none: Sequence[float] = np.zeros(gains.size).tolist()
    difference = paired(mean, none, mean_influence(gains), answered.groups)
    if difference is None:
        return False
    return difference.interval(1 - 2 * rule.significance).low >= -rule.tolerance
