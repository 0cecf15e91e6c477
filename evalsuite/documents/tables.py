"""Tables and comparisons as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from evalsuite.documents.base import Document, Message
from evalsuite.results.compare.suite import SuiteComparison
from evalsuite.results.tables.model import Cell, Rank, Table
from evalsuite.schema import Frozen


class ColumnEntry(Frozen):
    """One column of a table."""

    section: str
    label: str
    world: Literal["embedding", "generative"] | None
    average: bool
    """Whether it is the average of its section."""
    marks: str = ""


class CellEntry(Frozen):
    """One score of a table."""

    status: Literal["scored", "missing", "failed", "skipped"]
    value: float | None
    """As tables show it (100 times the score unless the metric has another unit), not rounded."""
    stderr: float | None
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    metric: str | None
    direction: Literal["higher", "lower"] | None
    """Which values are better; ``null`` where it is not known."""
    best: bool
    second: bool
    marks: str = ""
    rank: Rank | None = None
    """The ranks that it may have in its column; ``null`` without ``--ties``, and where it has none
    (``docs/ranks.md``)."""
    suspect: list[str] = Field(default_factory=list)
    """Codes of ``docs/wrong-results.md``."""


class RowEntry(Frozen):
    """One row of a table; ``cells`` has one entry for each of the table's columns."""

    name: str
    fingerprint: str
    group: str = ""
    marks: str = ""
    cells: list[CellEntry]


class TableDocument(Document):
    """``evalsuite table``."""

    document: Literal["table"] = "table"
    title: str
    rows_are: str
    """What a row is, such as ``Checkpoint``."""
    columns: list[ColumnEntry]
    rows: list[RowEntry]
    notes: list[Message]
    suspect: bool
    """Whether the table shows a score that must not be trusted without a look."""


class ComparisonLine(Frozen):
    """One task or mean, and one pair of checkpoints; what is not known is ``null``."""

    baseline: str
    candidate: str
    level: Literal["task", "mean"]
    section: str | None = None
    task: str
    metric: str | None = None
    baseline_score: float | None = None
    candidate_score: float | None = None
    delta: float | None = None
    low: float | None = None
    """Lower end of the 95 % interval of ``delta``."""
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    p_equivalent: float | None = None
    detectable: float | None = None
    test: str | None = None
    samples: int | None = None
    won: int | None = None
    lost: int | None = None
    note: str = ""


class CompareDocument(Document):
    """``evalsuite compare``."""

    document: Literal["compare"] = "compare"
    title: str
    lines: list[ComparisonLine]
    suspect: list[str]
    """Scores that must not be trusted without a look, a line each."""
    in_domain: list[str] = Field(default_factory=list)
    """Scores of data that their checkpoint was trained on, a line for each source."""


def table_document(table: Table) -> TableDocument:
    """A table with all that its renderers show."""
    return TableDocument(
        title=table.title,
        rows_are=table.corner,
        columns=[
            ColumnEntry(
                section=section.title,
                label=head.label,
                world=section.world,
                average=head.average,
                marks=head.mark,
            )
            for section in table.sections
            for head in section.columns
        ],
        rows=[
            RowEntry(
                name=row.name,
                fingerprint=row.fingerprint,
                group=row.group,
                marks=row.mark,
                cells=list(map(_cell, row.cells)),
            )
            for row in table.rows
        ],
        notes=[Message(text=note.text, mark=note.mark) for note in table.notes],
        suspect=table.suspect,
    )


def _cell(cell: Cell) -> CellEntry:
    interval = cell.score.interval() if cell.score else None
    metric = cell.score.metric if cell.score and cell.value is not None else None
    return CellEntry(
        status=cell.status,
        value=cell.value,
        stderr=cell.stderr,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        metric=metric.name if metric else None,
        direction=metric.direction if metric else None,
        best=cell.best,
        second=cell.second,
        marks=cell.mark,
        rank=cell.rank,
        suspect=list(cell.suspect),
    )


def compare_document(
    comparisons: Sequence[SuiteComparison],
    title: str,
    suspect: Sequence[str],
    in_domain: Sequence[str],
) -> CompareDocument:
    """Comparisons with one baseline.

    Args:
        comparisons: One for each candidate.
        title: Of the whole.
        suspect: Notes on scores that must not be trusted without a look.
        in_domain: Notes on scores of data that their checkpoint was trained on.
    """
    from evalsuite.report.comparison_csv import comparison_rows

    lines: list[dict[str, Any]] = comparison_rows(comparisons)
    return CompareDocument(
        title=title,
        lines=[ComparisonLine.model_validate(line) for line in lines],
        suspect=list(suspect),
        in_domain=list(in_domain),
    )
