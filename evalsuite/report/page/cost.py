"""The table of what each task took: seconds and tokens beside its score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from evalsuite.metrics import metric_of
from evalsuite.report.page.collect import PageData, PageRow
from evalsuite.results.tables.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.schema import Record
from evalsuite.text import number, plain

SECONDS: Final = (
    "Seconds: from the start of a task to its score, engines that load not counted; tasks that ran "
    "beside others took their turns"
)
TOKENS: Final = (
    "Tokens read and written: what the model was given and what it answered; vectors and answers "
    "that were kept from before are not counted, of a task in stages those of the last one"
)
MEASURES: Final[Mapping[str, Callable[[Record], float | None]]] = {
    "Score": lambda record: (
        None if record.score is None else metric_of(record).factor * record.score
    ),
    "Seconds": lambda record: record.timings.total if record.timings else None,
    "Tokens read": lambda record: record.timings.tokens_read if record.timings else None,
    "Tokens written": lambda record: record.timings.tokens_written if record.timings else None,
}


def cost_table(data: PageData) -> Table | None:
    """A line for each task, and for each checkpoint its score, seconds and tokens.

    Returns:
        ``None`` where no time is known, as of imported scores.
    """
    tasks = [task for task in data.tasks if any(row.record(task) for row in data.rows)]
    timed = [row for row in data.rows if _values(row, "Seconds", tasks)]
    if not timed:
        return None
    columns = {row.label: [one for one in MEASURES if _values(row, one, tasks)] for row in timed}
    sections = tuple(
        TableSection(
            world=None,
            title=row.label,
            columns=tuple(Head(label=one) for one in columns[row.label]),
        )
        for row in timed
    )
    rows = tuple(
        Row(
            name=plain(task),
            fingerprint="",
            cells=tuple(
                _cell(row.record(task), one) for row in timed for one in columns[row.label]
            ),
        )
        for task in tasks
    )
    return Table(
        title=f"{data.title}, time and tokens",
        sections=sections,
        rows=rows,
        notes=tuple(Note(text=text) for text in (SECONDS, TOKENS)),
        corner="Task",
    )


def _values(row: PageRow, measure: str, tasks: list[str]) -> list[float]:
    """What is known of a measure; empty where nothing is."""
    records = [record for task in tasks if (record := row.record(task)) is not None]
    found = [MEASURES[measure](record) for record in records]
    return [value for value in found if value is not None]


def _cell(record: Record | None, measure: str) -> Cell:
    value = MEASURES[measure](record) if record is not None else None
    if value is None:
        return Cell(status="missing")
    text = f"{value:,.0f}" if measure.startswith("Tokens") else number(value, 1)
    return Cell(status="scored", value=value, text=text)
