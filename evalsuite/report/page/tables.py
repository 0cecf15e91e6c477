"""Tables that can be sorted, filtered and copied."""

from __future__ import annotations

from evalsuite.report.csvfile import to_csv
from evalsuite.report.latex import to_latex
from evalsuite.report.page.text import esc
from evalsuite.results.tables.model import Cell, Head, Row, Table


def table_html(table: Table, ident: str) -> str:
    """A table with a box to filter its rows, buttons to copy it, and its notes.

    Args:
        table: The table.
        ident: Unlike any other on the page.
    """
    notes = "".join(f"<li>{_mark(note.mark)}{esc(note.text)}</li>" for note in table.notes)
    return f"""\
<div class="block" id="{ident}" data-table>
<div class="tools">
<label>Filter rows <input type="search" data-filter autocomplete="off"></label>
<button type="button" data-copy="latex">Copy as LaTeX</button>
<button type="button" data-copy="csv">Copy as CSV</button>
<span class="said" role="status"></span>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="{esc(table.title)}">
<table class="scores">
<caption>{esc(table.title)}</caption>
<thead>
<tr><td></td>{_section_heads(table)}</tr>
<tr>{_sortable(esc(table.corner), "", text=True)}{_heads(table)}</tr>
</thead>
{_bodies(table)}
</table>
</div>
<details class="notes" open><summary>{len(table.notes)} notes</summary><ul>{notes}</ul></details>
</div>"""


def copies(table: Table) -> dict[str, str]:
    """What the buttons copy, as the other commands print it."""
    return {"latex": to_latex(table), "csv": to_csv(table)}


def _section_heads(table: Table) -> str:
    return "".join(
        f'<th scope="colgroup" colspan="{len(section.columns)}">{esc(section.title)}</th>'
        for section in table.sections
    )


def _heads(table: Table) -> str:
    return "".join(
        _sortable(esc(head.label) + _mark(head.mark), _names(head, first=index == 0))
        for section in table.sections
        for index, head in enumerate(section.columns)
    )


def _sortable(label: str, names: str, *, text: bool = False) -> str:
    kind = ' data-sort="text"' if text else ' data-sort="number"'
    return (
        f'<th scope="col" aria-sort="none"{kind}{names}><button type="button">{label}</button></th>'
    )


def _bodies(table: Table) -> str:
    firsts = [index == 0 for section in table.sections for index in range(len(section.columns))]
    wide = 1 + len(table.heads)

    def row_html(row: Row) -> str:
        cells = "".join(
            f"<td{_names(head, cell, first=first)}{_value(cell)}>{_cell(cell, table.decimals)}</td>"
            for head, cell, first in zip(table.heads, row.cells, firsts, strict=True)
        )
        about = esc("; ".join(f"{world}: {text}" for world, text in row.protocol.items()))
        title = f' title="{about}"' if about else ""
        return f'<tr><th scope="row"{title}>{esc(row.name)}{_mark(row.mark)}</th>{cells}</tr>'

    blocks = []
    for group, rows in table.groups:
        title = (
            f'<tr class="group"><th colspan="{wide}" scope="rowgroup">{esc(group)}</th></tr>'
            if group
            else ""
        )
        blocks.append("<tbody>" + "\n".join([title, *map(row_html, rows)]) + "</tbody>")
    return "\n".join(blocks)


def _names(head: Head, cell: Cell | None = None, *, first: bool) -> str:
    names = ["avg"] if head.average else []
    names += ["first"] if first else []
    names += [cell.status] if cell is not None and cell.status != "scored" else []
    return f' class="{" ".join(names)}"' if names else ""


def _value(cell: Cell) -> str:
    return "" if cell.value is None else f' data-v="{cell.value:.6g}"'


def _cell(cell: Cell, decimals: int) -> str:
    shown = esc(cell.shown(decimals))
    if cell.best:
        shown = f"<strong>{shown}</strong>"
    elif cell.second:
        shown = f"<u>{shown}</u>"
    if cell.status == "missing" and not cell.text:
        shown = f'<span title="not scored">{shown}</span>'
    return shown + _mark(cell.mark)


def _mark(mark: str) -> str:
    return f"<sup>{esc(mark)}</sup>" if mark else ""
