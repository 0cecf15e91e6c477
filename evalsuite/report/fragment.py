"""Tables as a piece of HTML for a notebook's page, whose own style they take."""

from __future__ import annotations

from html import escape

from evalsuite.results.tables.model import Cell, Head, Table


def to_fragment(table: Table) -> str:
    """A table as a ``div`` without style sheet or script."""
    spans = "".join(
        f'<th colspan="{len(section.columns)}">{escape(section.title)}</th>'
        for section in table.sections
    )
    heads = "".join(map(_head, table.heads))
    rows = "".join(
        f"<tr><th>{escape(row.name)}{_mark(row.mark)}</th>"
        + "".join(_cell(cell, table.decimals) for cell in row.cells)
        + "</tr>"
        for row in table.rows
    )
    notes = "".join(f"<br>{_mark(note.mark)}{escape(note.text)}" for note in table.notes)
    return (
        f"<div><b>{escape(table.title)}</b><table><thead><tr><th></th>{spans}</tr>"
        f"<tr><th>{escape(table.corner)}</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"<small>{notes.removeprefix('<br>')}</small></div>"
    )


def _head(head: Head) -> str:
    return f"<th>{escape(head.label)}{_mark(head.mark)}</th>"


def _cell(cell: Cell, decimals: int) -> str:
    shown = escape(cell.shown(decimals))
    if cell.best:
        shown = f"<b>{shown}</b>"
    elif cell.second:
        shown = f"<u>{shown}</u>"
    return f"<td>{shown}{_mark(cell.mark)}</td>"


def _mark(mark: str) -> str:
    return f"<sup>{escape(mark)}</sup>" if mark else ""
