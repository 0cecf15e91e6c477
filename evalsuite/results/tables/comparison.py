"""A comparison of checkpoints as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalsuite.results.compare.pair import Comparison
from evalsuite.results.compare.suite import AverageLine, SuiteComparison, TaskLine
from evalsuite.results.tables.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.stats import SEED, Difference
from evalsuite.text import listed, number, plain

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
"""Significance levels and their marks."""
WITHIN = "≈"
"""Mark of a difference that was shown to lie within the margin."""
LEVEL = 0.05
MOST_SETTINGS = 6
"""Lines on differing settings."""
LABELS = ("Base", "Score", "Δ", "±", "p", "Detect.", "Won", "Lost")


def comparison_table(
    comparisons: Sequence[SuiteComparison], title: str, *, decimals: int = 1
) -> Table:
    """Candidates against one baseline: a line for each task, a section for each candidate.

    Args:
        comparisons: Of several candidates with the same baseline, over the same suite.
        title: Of the table.
        decimals: Of scores and differences.
    """
    tasks = dict.fromkeys(line.comparison.task for c in comparisons for line in c.tasks)
    averages = dict.fromkeys((a.section, a.label) for c in comparisons for a in c.averages)
    rows = [
        Row(
            name=plain(task),
            fingerprint="",
            group="Tasks",
            cells=tuple(
                cell
                for comparison in comparisons
                for cell in _task_cells(_line(comparison, task), comparison.margin, decimals)
            ),
        )
        for task in tasks
    ]
    rows += [
        Row(
            name=plain(label),
            fingerprint="",
            group=f"{section}, means",
            cells=tuple(
                cell
                for comparison in comparisons
                for cell in _average_cells(_mean(comparison, section, label), comparison, decimals)
            ),
        )
        for section, label in averages
    ]
    return Table(
        title=plain(title),
        sections=tuple(
            TableSection(
                world=None,
                title=plain(f"{comparison.second} against {comparison.first}"),
                columns=tuple(Head(label=label) for label in LABELS),
            )
            for comparison in comparisons
        ),
        rows=tuple(rows),
        notes=tuple(Note(text=plain(text)) for text in _notes(comparisons)),
        decimals=decimals,
        corner="Task",
    )


def significance(p: float | None) -> str:
    """The mark of a p-value: ``*`` below 0.05, ``**`` below 0.01, ``***`` below 0.001."""
    return next((mark for level, mark in STARS if p is not None and p < level), "")


def _line(comparison: SuiteComparison, task: str) -> TaskLine | None:
    return next((line for line in comparison.tasks if line.comparison.task == task), None)


def _mean(comparison: SuiteComparison, section: str, label: str) -> AverageLine | None:
    found = (a for a in comparison.averages if (a.section, a.label) == (section, label))
    return next(found, None)


def _task_cells(line: TaskLine | None, margin: float | None, decimals: int) -> list[Cell]:
    if line is None:
        return [_empty()] * len(LABELS)
    one = line.comparison
    mark = significance(line.adjusted_p) or _within(line.equivalent_p, margin)
    factor = one.metric.factor
    return [
        *_score_cells(one.first, one.second, one.difference, factor, mark, decimals),
        _probability(line.adjusted_p),
        _detectable(one.difference, factor),
        _count(one.won),
        _count(one.lost),
    ]


def _average_cells(
    line: AverageLine | None, comparison: SuiteComparison, decimals: int
) -> list[Cell]:
    if line is None:
        return [_empty()] * len(LABELS)
    mark = significance(line.difference.p if line.difference else None)
    mark = mark or _within(line.equivalent_p, comparison.margin)
    return [
        *_score_cells(line.first, line.second, line.difference, 100.0, mark, decimals),
        _probability(line.difference.p if line.difference else None),
        _detectable(line.difference, 100.0),
        _empty(),
        _empty(),
    ]


def _score_cells(
    first: float,
    second: float,
    difference: Difference | None,
    factor: float,
    mark: str,
    decimals: int,
) -> list[Cell]:
    delta = factor * (second - first)
    return [
        Cell(status="scored", value=factor * first),
        Cell(status="scored", value=factor * second),
        Cell(status="scored", value=delta, text=_signed(delta, decimals), mark=mark),
        _reach(difference, factor),
    ]


def _reach(difference: Difference | None, factor: float) -> Cell:
    """Half the width of the interval."""
    if difference is None:
        return _empty()
    interval = difference.interval()
    return Cell(status="scored", value=factor * (interval.high - interval.low) / 2)


def _signed(value: float, decimals: int) -> str:
    shown = number(value, decimals)
    return shown if shown.startswith("-") or float(shown) == 0 else f"+{shown}"


def _probability(p: float | None) -> Cell:
    if p is None:
        return _empty()
    return Cell(status="scored", value=p, text="<0.001" if p < 0.001 else f"{p:.3f}")


def _detectable(difference: Difference | None, factor: float) -> Cell:
    if difference is None:
        return _empty()
    return Cell(status="scored", value=factor * difference.detectable())


def _count(value: int | None) -> Cell:
    return _empty() if value is None else Cell(status="scored", value=value, text=str(value))


def _empty() -> Cell:
    return Cell(status="missing")


def _within(p: float | None, margin: float | None) -> str:
    return WITHIN if margin is not None and p is not None and p < LEVEL else ""


def _notes(comparisons: Sequence[SuiteComparison]) -> list[str]:
    tests = _by_test(line.comparison for c in comparisons for line in c.tasks)
    notes = [
        "Δ: score − base, × 100; ±: half of its 95 % interval",
        "Won, Lost: samples on which the score is better, worse",
        "p: two-sided, of tasks after Holm's correction; *: p < 0.05, **: < 0.01, ***: < 0.001",
        "Detect.: the smallest Δ that is found with a power of 80 % at p < 0.05 uncorrected",
        f"tests: {'; '.join(f'{_drawn(test)} ({listed(tasks)})' for test, tasks in tests.items())}",
    ]
    for comparison in comparisons:
        name = comparison.second
        if comparison.margin is not None:
            notes.append(
                f"{WITHIN}: {name} lies within ±{100 * comparison.margin:g} of the baseline, p < "
                "0.05 (two one-sided tests, uncorrected)"
            )
        apart: dict[str, list[str]] = {}
        for line in comparison.tasks:
            if line.comparison.note:
                apart.setdefault(line.comparison.note, []).append(line.comparison.task)
        notes += [f"{name} not paired, {why}: {listed(tasks)}" for why, tasks in apart.items()]
        notes += _settings(comparison)
        notes += [f"not compared: {task}: {why}" for task, why in comparison.missing[:6]]
        if len(comparison.missing) > 6:
            notes.append(f"not compared: {len(comparison.missing) - 6} more tasks")
    return notes


def _settings(comparison: SuiteComparison) -> list[str]:
    """A line for each set of settings in which imported scores differ."""
    found: dict[str, list[str]] = {}
    for line in comparison.tasks:
        if line.comparison.settings:
            found.setdefault(line.comparison.settings, []).append(line.comparison.task)
    names = f"{comparison.first} / {comparison.second}"
    lines = [f"settings differ, {names}: {text} ({listed(tasks)})" for text, tasks in found.items()]
    more = len(lines) - MOST_SETTINGS
    last = [f"settings of {more} more tasks or groups of tasks differ"] if more > 0 else []
    return [*lines[:MOST_SETTINGS], *last]


def _drawn(test: str) -> str:
    """A test's name, with the seed where it draws."""
    return f"{test}, seed {SEED}" if test == "permutation" else test


def _by_test(found: Iterable[Comparison]) -> dict[str, list[str]]:
    tests: dict[str, list[str]] = {}
    for comparison in found:
        tasks = tests.setdefault(comparison.test or "none", [])
        if comparison.task not in tasks:
            tasks.append(comparison.task)
    return tests
