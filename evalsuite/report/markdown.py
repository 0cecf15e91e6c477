"""Tables in GitHub's Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from evalsuite.results.tables.model import Cell, Head, Table
from evalsuite.text import width


def to_markdown(table: Table, *, stderr: bool = False) -> str:
    """A table in Markdown, aligned so that it reads well as plain text too.

    The header row holds the titles of the sections, since Markdown knows no second one; column
    labels follow in bold.

    Args:
        table: The table.
        stderr: Whether to show standard errors.
    """
    titles = [""]
    for section in table.sections:
        titles += [_escape(section.title)] + [""] * (len(section.columns) - 1)
    lines = [titles, [f"**{table.corner}**", *(_head(head) for head in table.heads)]]
    for group, rows in table.groups:
        if group:
            lines.append([f"*{_escape(group)}*", *("" for _ in table.heads)])
        for row in rows:
            cells = [_cell(cell, table.decimals, stderr=stderr) for cell in row.cells]
            lines.append([_escape(row.name) + _mark(row.mark), *cells])
    widths = [max(3, *(width(line[i]) for line in lines)) for i in range(len(titles))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (wide - 1) + ":" for wide in widths[1:])]
    body = [_line(line, widths) for line in lines]
    notes = [
        f"- {_mark(note.mark)}{' ' if note.mark else ''}{_escape(note.text, cell=False)}"
        for note in table.notes
    ]
    head = [f"**{_escape(table.title)}**", ""]
    return "\n".join([*head, body[0], _line(rule, widths), *body[1:], "", *notes]).rstrip() + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0] + " " * (widths[0] - width(cells[0]))
    rest = [
        " " * (wide - width(cell)) + cell for cell, wide in zip(cells[1:], widths[1:], strict=True)
    ]
    return f"| {' | '.join([first, *rest])} |"


def _head(head: Head) -> str:
    return f"**{_escape(head.label)}**{_mark(head.mark)}"


def _cell(cell: Cell, decimals: int, *, stderr: bool) -> str:
    shown = cell.shown(decimals, stderr=stderr)
    if cell.best:
        shown = f"**{shown}**"
    elif cell.second:
        shown = f"<ins>{shown}</ins>"  # the tag for underlining that GitHub lets through
    return shown + _mark(cell.mark)


def _mark(mark: str) -> str:
    return f"<sup>{mark}</sup>" if mark else ""


def _escape(text: str, *, cell: bool = True) -> str:
    r"""Escape what Markdown or HTML would read as markup; ``|`` would end a cell."""
    entities = html.escape(text, quote=False)
    return re.sub(r"([\\`*_{}\[\]#|~$])" if cell else r"([\\`*_{}\[\]#~$])", r"\\\1", entities)
