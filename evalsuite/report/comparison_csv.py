"""A comparison as tidy CSV: one line for each task or mean and each pair of checkpoints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from evalsuite.results.compare.suite import AverageLine, SuiteComparison, TaskLine
from evalsuite.stats import Difference

COLUMNS: Final = (
    *("baseline", "candidate", "level", "section", "task", "metric"),
    *("baseline_score", "candidate_score", "delta", "low", "high"),
    *("p", "p_adjusted", "p_equivalent", "detectable"),
    *("test", "samples", "won", "lost", "note"),
)


def comparison_csv(comparisons: Sequence[SuiteComparison]) -> str:
    """Comparisons as CSV in full precision.

    Columns: ``baseline`` and ``candidate``; ``level`` (``task`` or ``mean``); the ``section`` of a
    mean; ``task`` (of a mean, its label); ``metric``; the two scores, ``delta`` and the ends
    ``low`` and ``high`` of its 95 % interval, as tables show them (× 100 unless the metric's unit
    is another); ``p`` (two-sided), ``p_adjusted`` (after Holm's correction over the tasks),
    ``p_equivalent`` (that the difference lies within ``--margin``), ``detectable`` (the smallest
    difference found with a power of 80 %), ``test``, ``samples`` (paired ones), ``won`` and
    ``lost``; ``note`` says why samples were not paired, or why a task was not compared. Empty
    where not known.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(comparison_rows(comparisons))
    return out.getvalue()


def comparison_rows(comparisons: Sequence[SuiteComparison]) -> list[dict[str, Any]]:
    """The lines of :func:`comparison_csv`; what is not known is not in a line."""
    return [
        {"baseline": one.first, "candidate": one.second, **line}
        for one in comparisons
        for line in _lines(one)
    ]


def _lines(comparison: SuiteComparison) -> Iterator[dict[str, Any]]:
    yield from map(_task, comparison.tasks)
    for task, why in comparison.missing:
        yield {"level": "task", "task": task, "note": f"not compared: {why}"}
    yield from map(_mean, comparison.averages)


def _task(line: TaskLine) -> dict[str, Any]:
    one = line.comparison
    factor = one.metric.factor
    notes = (one.note and f"not paired: {one.note}", one.settings and f"differ: {one.settings}")
    return {
        "level": "task",
        "task": one.task,
        "metric": one.metric.name,
        "baseline_score": factor * one.first,
        "candidate_score": factor * one.second,
        "delta": factor * one.delta,
        **_uncertainty(one.difference, factor),
        "p": one.p,
        "p_adjusted": line.adjusted_p,
        "p_equivalent": line.equivalent_p,
        "test": one.test,
        "samples": one.samples,
        "won": one.won,
        "lost": one.lost,
        "note": "; ".join(filter(None, notes)),
    }


def _mean(line: AverageLine) -> dict[str, Any]:
    return {
        "level": "mean",
        "section": line.section,
        "task": line.label,
        "baseline_score": 100 * line.first,
        "candidate_score": 100 * line.second,
        "delta": 100 * (line.second - line.first),
        **_uncertainty(line.difference, 100.0),
        "p": line.difference.p if line.difference else None,
        "p_equivalent": line.equivalent_p,
    }


def _uncertainty(difference: Difference | None, factor: float) -> dict[str, float]:
    if difference is None:
        return {}
    ends = difference.interval()
    return {
        "low": factor * ends.low,
        "high": factor * ends.high,
        "detectable": factor * difference.detectable(),
    }
