"""Two checkpoints over a suite: differences by task, corrected for their number, and averages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalsuite.results.columns import ColumnPlan, Layout, SectionPlan
from evalsuite.results.compare.pair import Comparison, Load, compare
from evalsuite.results.compare.window import compare_with_mean
from evalsuite.schema import Record, World
from evalsuite.stats import Difference, equivalence_p, holm, mean_with_error

AVERAGE = "Avg"
"""Label of a section's average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two checkpoints of a comparison."""

    name: str
    records: Mapping[str, Record]
    """Task → record."""
    load: Load
    """Reads the samples of its records."""
    earlier: tuple[Mapping[str, Record], ...] = ()
    """Of a baseline that is the mean of several checkpoints: task → record of each one before
    this, by step, in the same store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLine:
    """One task of a comparison."""

    comparison: Comparison
    adjusted_p: float | None
    """After Holm's correction over the tasks that have a p-value."""
    equivalent_p: float | None
    """Of the claim that the difference lies within the margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageLine:
    """A mean over tasks, in the tasks' own unit."""

    world: World
    section: str
    label: str
    first: float
    second: float
    difference: Difference | None
    """``None`` where the uncertainty of a part is not known."""
    equivalent_p: float | None
    average: bool = False
    """Whether it is the average of its section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteComparison:
    """What two checkpoints say about each other."""

    first: str
    second: str
    tasks: tuple[TaskLine, ...]
    averages: tuple[AverageLine, ...]
    missing: tuple[tuple[str, str], ...]
    """Tasks that cannot be compared, and why."""
    margin: float | None
    """Of equivalence, in the tasks' own unit."""


def compare_suite(
    first: Side, second: Side, layout: Layout, *, margin: float | None = None
) -> SuiteComparison:
    """Compare two checkpoints over the tasks of a layout.

    An average is compared only where all of its tasks are; tasks count as independent in it.

    Args:
        first: The baseline.
        second: The candidate.
        layout: The suite's tasks, columns and averages.
        margin: Differences within it are taken for none (two one-sided tests).
    """
    found, missing = _compare_tasks(first, second, layout)
    tested = [task for task, comparison in found.items() if comparison.p is not None]
    adjusted = dict(zip(tested, holm([found[t].p or 0.0 for t in tested]), strict=True))
    return SuiteComparison(
        first=first.name,
        second=second.name,
        tasks=tuple(
            TaskLine(
                comparison=comparison,
                adjusted_p=adjusted.get(task),
                equivalent_p=_equivalent(comparison.difference, margin),
            )
            for task, comparison in found.items()
        ),
        averages=tuple(_averages(layout, found, margin)),
        missing=tuple(missing.items()),
        margin=margin,
    )


def _compare_tasks(
    first: Side, second: Side, layout: Layout
) -> tuple[dict[str, Comparison], dict[str, str]]:
    """Compare two checkpoints task by task.

    Returns:
        Task → comparison, and task → why it was not compared.
    """
    found: dict[str, Comparison] = {}
    missing: dict[str, str] = {}
    for task in layout.scored_tasks:
        if task in layout.means:
            continue  # its parts are compared
        one, two = _scored(task, first), _scored(task, second)
        if not isinstance(one, Record) or not isinstance(two, Record):
            missing[task] = "; ".join(lack for lack in (one, two) if isinstance(lack, str))
        elif not first.earlier:
            found[task] = compare(one, two, (first.load(one), second.load(two)))
        else:
            before = [r for of in first.earlier if (r := of.get(task)) and r.score is not None]
            if len(before) == len(first.earlier):
                found[task] = compare_with_mean([*before, one], two, _either(first, second, two))
            else:
                lacking = len(first.earlier) - len(before)
                missing[task] = f"{lacking} of the earlier checkpoints have no score"
    return found, missing


def _either(first: Side, second: Side, candidate: Record) -> Load:
    """Reads samples of the candidate's record from its side, of all others from the first."""
    return lambda record: (second if record is candidate else first).load(record)


def _scored(task: str, side: Side) -> Record | str:
    """The record, or why there is no score."""
    record = side.records.get(task)
    if record is None:
        return f"{side.name} has no score"
    if record.score is None:
        return f"{side.name} {record.status}: {record.reason}"
    return record


def _equivalent(difference: Difference | None, margin: float | None) -> float | None:
    if difference is None or margin is None:
        return None
    return equivalence_p(difference.delta, difference.stderr, difference.groups, margin)


def _averages(
    layout: Layout, found: Mapping[str, Comparison], margin: float | None
) -> list[AverageLine]:
    lines = []
    for section in layout.sections:
        compared = [column for column in section.columns if not (column.ranks or column.parts)]
        columns = [(column.label, _column(column, layout, found)) for column in compared]
        named = [(label, mean) for label, mean in columns if mean is not None]
        averages = {AVERAGE, *(column.label for column in compared if column.average)}
        # A column of one task says what the task's line says.
        single = {c.label for c in section.columns if len(layout.leaves(c.tasks)) == 1}
        if section.average and section.complete and len(named) == len(columns):
            whole = _overall(section, layout, found, [mean for _, mean in named])
            if whole is not None:
                named.append((AVERAGE, whole))
        lines += [
            AverageLine(
                world=section.world,
                section=section.title,
                label=label,
                first=mean.first,
                second=mean.second,
                difference=mean.difference,
                equivalent_p=_equivalent(mean.difference, margin),
                average=label in averages,
            )
            for label, mean in named
            if label not in single
        ]
    return lines


@dataclass(frozen=True, slots=True)
class _Mean:
    """A mean of scores, and of their differences."""

    first: float
    second: float
    difference: Difference | None


def _column(column: ColumnPlan, layout: Layout, found: Mapping[str, Comparison]) -> _Mean | None:
    if not column.complete:
        return None
    if not column.groups:
        return _mean(column.tasks, layout, found)
    means = [_mean(group, layout, found) for group in column.groups]
    return None if None in means else _joined([mean for mean in means if mean is not None])


def _overall(
    section: SectionPlan, layout: Layout, found: Mapping[str, Comparison], columns: Sequence[_Mean]
) -> _Mean | None:
    if section.average == "columns":
        return _joined(columns)
    return _mean(section.tasks, layout, found)


def _mean(tasks: Sequence[str], layout: Layout, found: Mapping[str, Comparison]) -> _Mean | None:
    """Mean over tasks, of which some are means over others; ``None`` unless all are compared."""
    parts: list[_Mean] = []
    for task in tasks:
        if task in layout.means:
            inner = _mean(layout.means[task], layout, found)
            if inner is None:
                return None
            parts.append(inner)
        elif task in found and found[task].metric.unit == "fraction":
            one = found[task]
            parts.append(_Mean(one.first, one.second, one.difference))
        else:
            return None
    return _joined(parts) if parts else None


def _joined(parts: Sequence[_Mean]) -> _Mean:
    """Mean of independent parts; the fewest items of a part give the degrees of freedom."""
    first, _ = mean_with_error([part.first for part in parts], [None] * len(parts))
    second, _ = mean_with_error([part.second for part in parts], [None] * len(parts))
    differences = [part.difference for part in parts]
    known = [one for one in differences if one is not None]
    if len(known) < len(parts):
        return _Mean(first, second, None)
    delta, stderr = mean_with_error([one.delta for one in known], [one.stderr for one in known])
    assert stderr is not None
    joined = Difference(
        delta,
        stderr,
        min(one.groups for one in known),
        paired=all(one.paired for one in known),
    )
    return _Mean(first, second, joined)
