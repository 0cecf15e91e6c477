"""Scores by category: one card of bars for each column of the suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalsuite.results.tables.model import Cell, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One checkpoint's score; lengths in percent of the place for the bar."""

    label: str
    cell: Cell
    share: str | None
    """``None`` where there is no score."""
    whisker: tuple[str, str] | None
    """From one standard error below the score to one above; ``None`` where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The bars of one column."""

    name: str
    average: bool
    bars: Sequence[Bar]


def cards(table: Table) -> list[Card]:
    """The cards; none for a table without averages. Bars begin at 0."""
    if not any(head.average for head in table.heads):
        return []
    flat = [(section, head) for section in table.sections for head in section.columns]
    found = []
    for index, (section, head) in enumerate(flat):
        cells = [row.cells[index] for row in table.rows]
        top = max([100.0, *(cell.value for cell in cells if cell.value is not None)])
        found.append(
            Card(
                name=head.words(section.title),
                average=head.average,
                bars=[
                    _bar(row.name, cell, top) for row, cell in zip(table.rows, cells, strict=True)
                ],
            )
        )
    return found


def _bar(label: str, cell: Cell, top: float) -> Bar:
    if cell.value is None:
        return Bar(label=label, cell=cell, share=None, whisker=None)
    whisker = None
    if cell.stderr is not None:
        low, high = (
            min(100.0, max(0.0, 100 * (cell.value + sign * cell.stderr) / top)) for sign in (-1, 1)
        )
        whisker = (f"{low:.1f}", f"{high:.1f}")
    share = max(0.0, 100 * cell.value / top)
    return Bar(label=label, cell=cell, share=f"{share:.1f}", whisker=whisker)
