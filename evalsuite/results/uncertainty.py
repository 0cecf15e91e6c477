"""How sure a stored score is: its confidence interval."""

from __future__ import annotations

from evalsuite.metrics import metric_of
from evalsuite.schema import Record
from evalsuite.stats import Interval, correlation_interval, fraction_interval, interval


def score_interval(record: Record, level: float = 0.95) -> Interval | None:
    """Confidence interval of a record's score, in the score's own unit.

    It follows from the record alone: score, standard error, number of independent items, and
    the range of the metric (see :mod:`evalsuite.stats.intervals`).

    Args:
        record: Any record.
        level: Coverage.

    Returns:
        ``None`` where the standard error is not known.
    """
    score, stderr = record.score, record.stderr
    units = record.groups or record.n or 0
    if score is None or stderr is None or units < 2:
        return None
    bounds = metric_of(record).range
    if bounds == (-1.0, 1.0):
        return correlation_interval(score, stderr, units, level)
    if bounds == (0.0, 1.0) and 0 <= score <= 1:
        return fraction_interval(score, stderr, units, level)
    return interval(score, stderr, units, level)
