"""Means of scores, under one rule: a mean over fewer tasks than it names does not exist."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from evalsuite.metrics import Metric, metric_of
from evalsuite.schema import Record

if TYPE_CHECKING:
    from evalsuite.stats import Interval

CellStatus = Literal["scored", "missing", "failed", "skipped", "stopped"]
"""Status of what a table's cell shows: a record's status, or that a record is missing."""


SCORE: Final = Metric(name="score", direction="higher", unit="fraction")
"""The metric of what has no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayScore:
    """Score of a task, or a mean of scores, as tables show it.

    ``value`` and ``stderr`` are in display units: ``100 × score`` unless the record says
    otherwise.
    """

    status: CellStatus
    value: float | None = None
    stderr: float | None = None
    record: Record | None = None
    """Of a task's score."""
    parts: tuple[DisplayScore, ...] = ()
    """What a mean is of."""
    metric: Metric = SCORE
    """What it is the value of; of a mean, what all its parts have in common."""
    unscored: tuple[Record, ...] = ()
    """The failed and skipped records behind it."""
    missing: tuple[str, ...] = ()
    """Tasks without any score."""
    tasks: int = 1
    """Number of tasks that it is a mean of."""

    def interval(self) -> Interval | None:
        """95 % interval of ``value``, in the same unit; ``None`` where ``stderr`` is not known.

        The ends of a mean's are as far from it as ``sqrt(Σ (value − end)²) / k`` (Zou and Donner,
        "Construction of confidence limits about effect measures: a general approach", Statistics
        in Medicine 27, 2008), which keeps the lean and the degrees of freedom of each part.
        """
        from evalsuite.results.uncertainty import score_interval
        from evalsuite.stats import Interval

        if self.value is None:
            return None
        if self.record is not None:
            found = score_interval(self.record)
            factor = self.metric.factor
            return found and Interval(factor * found.low, factor * found.high, found.level)
        known = [(part.value, part.interval()) for part in self.parts]
        ends = [(value, found) for value, found in known if value is not None and found]
        if not ends or len(ends) < len(known):
            return None
        below = math.hypot(*(value - found.low for value, found in ends)) / len(ends)
        above = math.hypot(*(found.high - value for value, found in ends)) / len(ends)
        return Interval(self.value - below, self.value + above, ends[0][1].level)


def task_score(
    task: str, records: Mapping[str, Record], means: Mapping[str, Sequence[str]]
) -> DisplayScore:
    """The score of a task, or the mean over its subtasks unless it has a record of its own.

    Args:
        task: Name of the task.
        records: Task → record of one row.
        means: Task whose score is a mean → its subtasks.
    """
    if task in means and task not in records:
        return mean([task_score(member, records, {}) for member in means[task]])
    record = records.get(task)
    if record is None:
        return DisplayScore(status="missing", missing=(task,))
    if record.score is None:
        return DisplayScore(status=record.status, unscored=(record,), missing=(task,))
    metric = metric_of(record)
    factor = metric.factor
    return DisplayScore(
        status="scored",
        value=factor * record.score,
        stderr=None if record.stderr is None else factor * record.stderr,
        record=record,
        metric=metric,
    )


def mean(scores: Sequence[DisplayScore], *, complete: bool = True) -> DisplayScore:
    """Unweighted mean; without a value unless all are scored, in one unit and one direction.

    Args:
        scores: What to take the mean of.
        complete: Whether these are all; otherwise there is no mean.

    Returns:
        The mean. Its standard error is that of independent estimates, ``sqrt(Σ se²) / k``;
        ``None`` if any of them is not known.
    """
    unscored = tuple(record for score in scores for record in score.unscored)
    missing = tuple(task for score in scores for task in score.missing)
    tasks = sum(score.tasks for score in scores)
    values = [score.value for score in scores if score.value is not None]
    alike = {(score.metric.unit, score.metric.direction) for score in scores}
    if not complete or len(alike) != 1 or len(values) < len(scores):
        return DisplayScore(status=_worst(scores), unscored=unscored, missing=missing, tasks=tasks)
    errors = [score.stderr for score in scores if score.stderr is not None]
    known = len(errors) == len(scores)
    return DisplayScore(
        status="scored",
        value=math.fsum(values) / len(values),
        stderr=math.sqrt(math.fsum(e * e for e in errors)) / len(scores) if known else None,
        parts=tuple(scores),
        metric=scores[0].metric.model_copy(update={"name": "mean"}),
        tasks=tasks,
    )


def _worst(scores: Sequence[DisplayScore]) -> CellStatus:
    statuses = {score.status for score in scores}
    if "failed" in statuses:
        return "failed"
    if "stopped" in statuses:
        return "stopped"
    return "skipped" if "skipped" in statuses else "missing"
