"""A table without its notes, for a paper that says elsewhere how scores came to be."""

from __future__ import annotations

from dataclasses import replace

from evalsuite.results.tables.model import Cell, Row, Table


def without_notes(table: Table) -> Table:
    """A table without notes and without the marks that refer to them.

    Marks of rows stay: they tell rows of one checkpoint apart. So do notes on scores that must not
    be trusted without a look.
    """
    rows = tuple(_row(row) for row in table.rows)
    marks = {mark for row in rows for cell in row.cells for mark in cell.mark.split(",")}
    sections = tuple(
        replace(section, columns=tuple(replace(head, mark="") for head in section.columns))
        for section in table.sections
    )
    notes = tuple(note for note in table.notes if note.mark and note.mark in marks)
    return replace(table, rows=rows, sections=sections, notes=notes)


def _row(row: Row) -> Row:
    return replace(row, cells=tuple(map(_cell, row.cells)))


def _cell(cell: Cell) -> Cell:
    return cell if cell.suspect else replace(cell, mark="")
