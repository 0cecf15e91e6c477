"""What was evaluated, in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalsuite.report.page.collect import PageData, PageRow
from evalsuite.report.page.text import cut
from evalsuite.results.tables.model import AVERAGE, Cell
from evalsuite.schema import Record
from evalsuite.suspicions import said
from evalsuite.text import plain

KINDS = ("scored", "failed", "skipped", "stopped", "missing")
_LONGEST_REASON = 300
_LONGEST_NOTE = 600


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a row's tasks ended how."""

    scored: int
    failed: int
    skipped: int
    stopped: int
    missing: int

    def __iter__(self) -> Iterator[int]:
        """The counts, in the order of :data:`KINDS`."""
        return (getattr(self, kind) for kind in KINDS)


def counts(row: PageRow) -> Counts:
    """Count a row's tasks; each is in exactly one of the five."""
    found = Counter(
        record.status if (record := row.record(task)) else "missing" for task in row.tasks
    )
    return Counts(*(found[kind] for kind in KINDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One checkpoint."""

    label: str
    averages: Sequence[Cell]
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProblem:
    """Tasks of one checkpoint that failed, were skipped or ended early for the same reason."""

    label: str
    status: str
    reason: str
    tasks: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSummary:
    """The section's content."""

    checkpoints: int
    totals: Mapping[str, int]
    """How tasks ended → how many of all rows."""
    average_titles: Sequence[str]
    rows: Sequence[SummaryRow]
    problems: Sequence[PageProblem]
    gaps: Mapping[str, Sequence[str]]
    """Checkpoint → tasks without a record."""
    suspect: Mapping[str, Sequence[str]]
    """Why scores must not be trusted without a look → where."""
    warnings: Mapping[str, Sequence[str]]
    """What was warned of → where."""

    @property
    def unscored(self) -> int:
        """Number of tasks that failed, were skipped or are missing."""
        lists = [*(problem.tasks for problem in self.problems), *self.gaps.values()]
        return sum(map(len, lists))


def summary_of(data: PageData) -> PageSummary:
    """Summarise a page."""
    by_row = [counts(row) for row in data.rows]
    places = [index for index, head in enumerate(data.table.heads) if head.average]
    gaps = {
        row.label: missing
        for row in data.rows
        if (missing := [task for task in row.tasks if row.record(task) is None])
    }
    return PageSummary(
        checkpoints=len({row.plan.fingerprint for row in data.rows}),
        totals={kind: sum(getattr(found, kind) for found in by_row) for kind in KINDS},
        average_titles=[
            f"{s.title} average" if h.label == AVERAGE else h.label
            for s in data.table.sections
            for h in s.columns
            if h.average
        ],
        rows=[
            SummaryRow(
                label=row.label, averages=[line.cells[place] for place in places], counts=found
            )
            for row, line, found in zip(data.rows, data.table.rows, by_row, strict=True)
        ],
        problems=_problems(data),
        gaps=gaps,
        suspect=_where(data, lambda record: [said(one) for one in record.suspicions]),
        warnings=_where(data, lambda record: record.warnings),
    )


def _problems(data: PageData) -> list[PageProblem]:
    """Failed and skipped tasks with their reasons, each reason once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in data.rows:
        for task in row.tasks:
            record = row.record(task)
            if record is not None and record.status != "scored":
                reason = plain(record.reason or "", _LONGEST_REASON)
                found.setdefault((row.label, record.status, reason), []).append(task)
    return [
        PageProblem(label=label, status=status, reason=reason, tasks=tasks)
        for (label, status, reason), tasks in found.items()
    ]


def _where(data: PageData, texts_of: Callable[[Record], Sequence[str]]) -> dict[str, list[str]]:
    """Each text about a record → the checkpoints and tasks that it is about."""
    found: dict[str, list[str]] = {}
    for row in data.rows:
        for task, record in row.plan.records.items():
            place = f"{row.label}: {task}"
            for text in texts_of(record):
                found.setdefault(cut(text, _LONGEST_NOTE), []).append(
                    place if record.status == "scored" else f"{place}, no score"
                )
    return found
