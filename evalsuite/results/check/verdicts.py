"""From comparisons to verdicts.

regression
    The score dropped by more than is tolerated, and chance does not explain a drop: the
    one-sided test of "no drop" is significant after Holm's correction over all tasks. A
    candidate as good as the baseline is called a regression, on any task, with a chance of at
    most the policy's significance.
pass
    The data rules out that the score dropped by more than is tolerated (a one-sided test of
    non-inferiority), or no sample's score changed.
inconclusive
    Neither can be shown with this data.
missing
    One of the two has no score.
suspect
    The candidate's score must not be trusted without a look
    (``evalsuite.suspicions``); what it says of a drop counts all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalsuite.results.check.policy import Policy
from evalsuite.results.compare.pair import Comparison
from evalsuite.schema import Stopped
from evalsuite.stats import holm, largest_drop
from evalsuite.stopping.decide import FINAL, hybrid_p

Verdict = Literal["pass", "regression", "inconclusive", "missing", "suspect"]

WORST_FIRST: tuple[Verdict, ...] = ("regression", "missing", "suspect", "inconclusive", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskVerdict:
    """What a check says of one task."""

    task: str
    category: str | None
    verdict: Verdict
    tolerance: float
    """Tolerated drop, in points."""
    required: bool
    comparison: Comparison | None = None
    """``None`` if the verdict is ``missing``."""
    drop_p: float | None = None
    """Of "no drop", one-sided, after Holm's correction."""
    at_worst: float | None = None
    """The largest drop that the data does not rule out, in points (one-sided); negative where a
    gain is shown. A pass has at most the tolerated drop here."""
    reason: str
    """Why the verdict is what it is, in words."""
    stopped: Stopped | None = None
    """Of a task that ended early: :attr:`comparison` is of the samples that were answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyOutcome:
    """What came of tasks that a check could end early."""

    stopped: Mapping[str, Stopped]
    """Task → what is known of it. Its comparison is of the samples that were answered."""
    looked: Mapping[str, float]
    """Task that ran to its end after early looks → the p-value of these."""
    untested: int = 0
    """Further tasks that the correction counts, which were not run."""


NOT_EARLY = EarlyOutcome(stopped={}, looked={})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a check says of a candidate."""

    baseline: str
    candidate: str
    policy: Policy
    tasks: tuple[TaskVerdict, ...]
    notes: tuple[str, ...] = ()
    ended_by: str | None = None
    """The task whose regression ended the check before all tasks were run."""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a task; ``missing`` where there is no task."""
        found = {line.verdict for line in self.tasks}
        return next((verdict for verdict in WORST_FIRST if verdict in found), "missing")

    @property
    def blocking(self) -> Verdict | None:
        """The worst verdict that the policy does not allow; ``None`` if the check is green."""
        found = {line.verdict for line in self.tasks if blocks(line, self.policy)}
        if not any(line.comparison for line in self.tasks):
            found.add("missing")  # nothing was compared
        return next((verdict for verdict in WORST_FIRST if verdict in found), None)


def blocks(line: TaskVerdict, policy: Policy) -> bool:
    """Whether the verdict on a task keeps a check from being green."""
    if line.verdict == "missing":
        return line.required or policy.missing == "fail"
    if line.verdict == "inconclusive":
        return policy.inconclusive == "fail"
    return line.verdict in ("regression", "suspect")


def verdicts_of(
    compared: Mapping[str, Comparison],
    missing: Mapping[str, str],
    policy: Policy,
    *,
    categories: Mapping[str, str | None],
    in_baseline: frozenset[str],
    suspect: Mapping[str, str] | None = None,
    early: EarlyOutcome = NOT_EARLY,
) -> tuple[TaskVerdict, ...]:
    """The verdict on each task.

    Args:
        compared: Task → comparison of baseline and candidate.
        missing: Task → why it cannot be compared.
        policy: What is asked.
        categories: Task → category.
        in_baseline: Tasks that the baseline has a score of.
        suspect: Task → why the candidate's score must not be trusted.
        early: What came of tasks that the check could end early.
    """
    tested = {task: p for task, one in compared.items() if (p := _p(one, early)) is not None}
    adjusted = dict(zip(tested, holm([*tested.values(), *[1.0] * early.untested]), strict=False))
    verdicts: list[TaskVerdict] = []
    for task, comparison in compared.items():
        category = categories.get(task)
        tolerance = policy.tolerance.of(task, category)
        drop, worst = adjusted.get(task), _worst(comparison, early, policy.significance)
        if ended := early.stopped.get(task):
            verdict, reason = _stopped_verdict(ended, comparison, tolerance, drop)
        else:
            verdict, reason = _verdict(comparison, tolerance, drop, worst, policy.significance)
        if verdict != "regression" and (why := (suspect or {}).get(task)):
            verdict, reason = "suspect", why
        verdicts.append(
            TaskVerdict(
                task=task,
                category=category,
                verdict=verdict,
                tolerance=tolerance,
                required=policy.is_required(task, in_baseline=True),
                comparison=comparison,
                drop_p=drop,
                at_worst=worst,
                reason=reason,
                stopped=ended,
            )
        )
    verdicts += [
        TaskVerdict(
            task=task,
            category=categories.get(task),
            verdict="missing",
            tolerance=policy.tolerance.of(task, categories.get(task)),
            required=policy.is_required(task, in_baseline=task in in_baseline),
            reason=why,
        )
        for task, why in missing.items()
    ]
    return tuple(verdicts)


def drop_p(comparison: Comparison) -> float | None:
    """One-sided p-value of "the candidate is no worse", before any correction.

    ``None`` where there is no test, or it is not known which scores are better.

    All tests of :mod:`evalsuite.results.compare` are symmetric under "no difference", so that it
    follows from the two-sided one.
    """
    if comparison.p is None:
        return None
    gain = comparison.gain
    if gain is None:
        return None
    return comparison.p / 2 if gain < 0 else 1 - comparison.p / 2


def _p(comparison: Comparison, early: EarlyOutcome) -> float | None:
    """The p-value that goes into Holm's correction: with early looks, of both tests together."""
    if ended := early.stopped.get(comparison.task):
        return hybrid_p(ended.drop_p, 1.0)
    final = drop_p(comparison)
    looked = early.looked.get(comparison.task)
    return final if looked is None or final is None else hybrid_p(looked, final)


def _worst(comparison: Comparison, early: EarlyOutcome, significance: float) -> float | None:
    """The largest drop that is not ruled out; after early looks, at what these leave of the level.

    In points.
    """
    if ended := early.stopped.get(comparison.task):
        return comparison.metric.factor * ended.at_worst
    level = significance / (FINAL if comparison.task in early.looked else 1)
    return 0.0 if unchanged(comparison) else at_worst(comparison, level)


def _stopped_verdict(
    ended: Stopped, comparison: Comparison, tolerance: float, drop: float | None
) -> tuple[Verdict, str]:
    done = f"stopped after {ended.n} of {ended.total} samples"
    if ended.verdict == "pass":
        return "pass", f"a drop of more than {tolerance:g} is ruled out; {done}"
    if ended.verdict == "regression":
        points = -comparison.metric.factor * (comparison.gain or 0.0)
        why = "which chance does not explain" + ("" if drop is None else f" (p = {drop:.2g})")
        return "regression", f"worse by {points:.1f}, {why}; {done}"
    return "inconclusive", f"{done}: another task is a regression, which ended the check"


def at_worst(comparison: Comparison, significance: float) -> float | None:
    """By how much the candidate may be worse, as far as the data does not rule it out.

    In points, or in the metric's own unit where that is not a fraction.

    Larger drops are rejected by a one-sided test at ``significance``: a t-test, or, for
    right-or-wrong samples, a score test, which holds with few changes too.

    Returns:
        Negative where a gain is shown; ``None`` where the uncertainty, or which scores are better,
        is not known.
    """
    difference, sign = comparison.difference, comparison.metric.sign
    if difference is None or sign is None:
        return None
    scale = comparison.metric.factor
    if comparison.test == "McNemar" and comparison.won is not None and comparison.samples:
        lost = comparison.lost or 0
        return scale * largest_drop(comparison.won, lost, comparison.samples, significance)
    interval = difference.interval(1 - 2 * significance)
    return scale * (-interval.low if sign > 0 else interval.high)


def _verdict(
    comparison: Comparison,
    tolerance: float,
    drop: float | None,
    worst: float | None,
    significance: float,
) -> tuple[Verdict, str]:
    gain = comparison.gain
    if gain is None:
        name = comparison.metric.name
        return "missing", f"not checked: whether higher or lower {name} is better is not known"
    points = gain * comparison.metric.factor
    if unchanged(comparison):
        return "pass", f"no sample changed (of {comparison.samples})"
    if drop is None or worst is None:
        return "inconclusive", comparison.note or "the uncertainty of a score is not known"
    if drop < significance and points < -tolerance:
        return (
            "regression",
            f"worse by {-points:.1f}, which chance does not explain (p = {drop:.2g})",
        )
    if worst <= tolerance:
        return "pass", f"a drop of more than {tolerance:g} is ruled out"
    return "inconclusive", f"a drop of up to {worst:.1f} cannot be ruled out"


def unchanged(comparison: Comparison) -> bool:
    """Whether all samples were paired and none scores otherwise."""
    if comparison.samples is None or comparison.delta != 0:
        return False
    if comparison.won is not None:
        return comparison.won == comparison.lost == 0
    return comparison.difference is not None and comparison.difference.stderr == 0


def named(tasks: Sequence[TaskVerdict], verdict: Verdict) -> list[str]:
    """Names of the tasks with a verdict."""
    return [line.task for line in tasks if line.verdict == verdict]
