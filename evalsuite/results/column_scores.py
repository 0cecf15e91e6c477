"""The score of a column: a mean over tasks, over groups of them, or over parts of tasks."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence

from evalsuite.metrics import Metric
from evalsuite.registry.suites import Part
from evalsuite.results.columns import ColumnPlan
from evalsuite.results.means import DisplayScore, mean, task_score
from evalsuite.results.rows import RowPlan

RANK = Metric(name="rank", direction="lower", unit="other")
"""Of a rank among the rows of a table."""


def column_score(
    column: ColumnPlan, row: RowPlan, means: Mapping[str, Sequence[str]]
) -> DisplayScore:
    """The score of a column in a row; of a column of ranks, none: see :func:`borda`.

    Args:
        column: The column.
        row: The records.
        means: Task whose score is a mean → its subtasks.
    """
    if column.ranks:
        return DisplayScore(status="missing", metric=RANK)
    if column.parts:
        return mean([_part_score(part, row) for part in column.parts])

    def over(tasks: Sequence[str]) -> list[DisplayScore]:
        return [task_score(task, row.records, means) for task in tasks]

    if column.groups:
        return mean([mean(over(group)) for group in column.groups], complete=column.complete)
    return mean(over(column.tasks), complete=column.complete)


def _part_score(part: Part, row: RowPlan) -> DisplayScore:
    """The mean over the scores that mteb gave the splits and subsets of a part."""
    whole = task_score(part.task, row.records, {})
    record = row.records.get(part.task)
    if record is None or whole.value is None:
        return whole
    scores = record.raw.get("scores", {})
    found = [
        one["main_score"]
        for split in part.splits or scores
        for one in scores.get(split, ())
        if not part.subsets or one.get("hf_subset") in part.subsets
    ]
    if not found or None in found:
        return DisplayScore(status="missing", missing=(part.task,))
    value = whole.metric.factor * math.fsum(found) / len(found)
    return DisplayScore(status="scored", value=value, metric=whole.metric)


def borda(scores: Sequence[Sequence[float | None]]) -> list[int | None]:
    """The rank of each row by its Borda count: 1 is the best, and rows may tie.

    On each task a row gets as many points as there are rows below it, half a point for each that
    ties with it. mteb ranks its tables so (``Benchmark.get_score``).

    Args:
        scores: Of each row, its score on each task; higher is better.

    Returns:
        ``None`` for a row that lacks a score; it takes no part.
    """
    complete = [index for index, row in enumerate(scores) if row and None not in row]
    points = dict.fromkeys(complete, 0.0)
    for column in zip(*(scores[index] for index in complete), strict=True):
        ordered = sorted(value for value in column if value is not None)
        for index, value in zip(complete, column, strict=True):
            assert value is not None
            below = bisect.bisect_left(ordered, value)
            ties = bisect.bisect_right(ordered, value) - below - 1
            points[index] += below + ties / 2
    return [
        1 + sum(other > points[index] for other in points.values()) if index in points else None
        for index in range(len(scores))
    ]
