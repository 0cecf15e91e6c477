"""Which columns of a table stand beside each other in LaTeX, so that the page's text is as wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from evalsuite.report.latex_text import pieces, points
from evalsuite.results.tables.model import Table

TEXT_WIDTH: Final = 345.0
"""Points: ``article`` with 10 points."""
SIZE: Final = 9.0
"""Points of ``\\small`` there."""
MARK_SIZE: Final = 6.5
GAP: Final = 8.0
"""Points between two columns: twice ``\\tabcolsep``."""
WIDEST_NAME: Final = 140.0
"""Points; longer names of rows are broken."""
WIDEST_PIECE: Final = 190.0
"""The same of what cannot be broken."""
WIDEST_HEAD: Final = TEXT_WIDTH - WIDEST_PIECE - 3 * GAP
"""Points; longer headings are cut."""


@dataclass(frozen=True, slots=True)
class Block:
    """Columns that stand beside each other."""

    sections: tuple[tuple[str, tuple[int, ...]], ...]
    """Title of each section, and the numbers of its columns in the table."""

    @property
    def columns(self) -> tuple[int, ...]:
        """Numbers of all its columns."""
        return tuple(index for _, members in self.sections for index in members)


def name_width(table: Table) -> float:
    """Points that the names of the rows take: :data:`WIDEST_NAME`, unless a piece needs more."""
    names = [points(table.corner, SIZE)]
    names += [points(row.name, SIZE) + points(row.mark, MARK_SIZE) for row in table.rows]
    if max(names) <= WIDEST_NAME:
        return max(names)
    words = [word for row in table.rows for word in row.name.replace("-", "- ").split()]
    whole = [points(piece, SIZE) for word in words for piece in pieces(word)]
    return min(max(WIDEST_NAME, *whole), WIDEST_PIECE)


def breaks_names(table: Table) -> bool:
    """Whether names of rows are too long for one line."""
    return name_width(table) >= WIDEST_NAME


def blocks(table: Table, *, stderr: bool) -> list[Block]:
    """The columns in blocks that fit the page; each section in one piece where it fits."""
    room = TEXT_WIDTH - name_width(table) - GAP
    widths = [_column_width(table, index, stderr=stderr) for index in range(len(table.heads))]
    found: list[Block] = []
    here: list[tuple[str, int]] = []
    for title, section in _sections(table):
        whole = [(title, index) for index in section]
        if here and _width([*here, *whole], widths) > room:
            found.append(_block(here))
            here = []
        for column in whole:
            if here and _width([*here, column], widths) > room:
                found.append(_block(here))
                here = []
            here.append(column)
    return [*found, _block(here)] if here or not found else found


def _sections(table: Table) -> Iterator[tuple[str, range]]:
    first = 0
    for section in table.sections:
        yield section.title, range(first, first + len(section.columns))
        first += len(section.columns)


def _column_width(table: Table, index: int, *, stderr: bool) -> float:
    head = table.heads[index]
    label = min(points(head.label, SIZE), WIDEST_HEAD) + points(head.mark, MARK_SIZE)
    cells = [
        points(cell.shown(table.decimals, stderr=stderr), SIZE, bold=cell.best)
        + points(cell.mark, MARK_SIZE)
        for cell in (row.cells[index] for row in table.rows)
    ]
    return GAP + max([label, *cells])


def _width(columns: Sequence[tuple[str, int]], widths: Sequence[float]) -> float:
    """Points that columns take; a title wider than its columns makes room for itself."""
    return sum(
        max(sum(widths[index] for _, index in members), points(title, SIZE) + GAP)
        for title, members in ((title, list(of)) for title, of in groupby(columns, lambda c: c[0]))
    )


def _block(columns: Sequence[tuple[str, int]]) -> Block:
    grouped = groupby(columns, lambda column: column[0])
    return Block(tuple((title, tuple(index for _, index in of)) for title, of in grouped))
