"""Tables as a small, self-contained HTML page."""

from __future__ import annotations

from html import escape

from evalsuite.results.tables.model import Cell, Head, Row, Table

_STYLE = """\
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #5c5c5c; --line: #c8c8c8;
  --paper: #fff; --bad: #a33a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --soft: #a5a5a5;
  --line: #4a4a4a; --paper: #161616; --bad: #ff9a5c; } }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums;
  border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink); }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; font-weight: 400; }
th[scope=row], thead th:first-child { text-align: left; position: sticky; left: 0;
  background: var(--paper); }
th[scope=colgroup] { text-align: center; border-bottom: 1px solid var(--line); }
thead tr:last-child th { border-bottom: 1px solid var(--ink); }
.first { padding-left: 1.4rem; }
th.group { text-align: left; font-style: italic; color: var(--soft);
  border-top: 1px solid var(--line); }
.avg { border-left: 1px solid var(--line); }
.failed, .skipped { color: var(--bad); }
.missing { color: var(--soft); }
tbody tr:hover > * { background: color-mix(in srgb, var(--ink) 7%, var(--paper)); }
.notes { padding: 0; list-style: none; color: var(--soft); font-size: 13px;
  overflow-wrap: anywhere; }"""


def to_html(table: Table, *, stderr: bool = False) -> str:
    """A table as a page that needs nothing from elsewhere, in light and dark.

    Args:
        table: The table.
        stderr: Whether to show standard errors.
    """
    title = escape(table.title)
    notes = "\n".join(f"<li>{_mark(note.mark)}{escape(note.text)}</li>" for note in table.notes)
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<div class="scroll">
<table>
<caption>{title}</caption>
<thead>
<tr><td></td>{_section_heads(table)}</tr>
<tr><th scope="col">{escape(table.corner)}</th>{_heads(table)}</tr>
</thead>
{_rows(table, stderr=stderr)}
</table>
</div>
<ul class="notes">
{notes}
</ul>
</body>
</html>
"""


def _section_heads(table: Table) -> str:
    return "".join(
        f'<th scope="colgroup" colspan="{len(section.columns)}">{escape(section.title)}</th>'
        for section in table.sections
    )


def _heads(table: Table) -> str:
    return "".join(
        f'<th scope="col"{_class(head, first=index == 0)}>'
        f"{escape(head.label)}{_mark(head.mark)}</th>"
        for section in table.sections
        for index, head in enumerate(section.columns)
    )


def _rows(table: Table, *, stderr: bool) -> str:
    firsts = [index == 0 for section in table.sections for index in range(len(section.columns))]

    def row_html(row: Row) -> str:
        cells = "".join(
            f"<td{_class(head, cell, first=first)}>"
            f"{_cell(cell, table.decimals, stderr=stderr)}</td>"
            for head, cell, first in zip(table.heads, row.cells, firsts, strict=True)
        )
        about = escape("; ".join(f"{world}: {text}" for world, text in row.protocol.items()))
        name = f'<th scope="row" title="{about}">{escape(row.name)}{_mark(row.mark)}</th>'
        return f"<tr>{name}{cells}</tr>"

    wide = 1 + len(table.heads)
    blocks: list[str] = []
    for group, rows in table.groups:
        title = f'<tr><th class="group" colspan="{wide}">{escape(group)}</th></tr>'
        lines = [*([title] if group else []), *map(row_html, rows)]
        blocks.append("\n".join(["<tbody>", *lines, "</tbody>"]))
    return "\n".join(blocks or ["<tbody>\n</tbody>"])


def _class(head: Head, cell: Cell | None = None, *, first: bool) -> str:
    names = ["avg"] if head.average else []
    names += ["first"] if first else []
    names += [cell.status] if cell is not None and cell.status != "scored" else []
    return f' class="{" ".join(names)}"' if names else ""


def _cell(cell: Cell, decimals: int, *, stderr: bool) -> str:
    shown = escape(cell.shown(decimals, stderr=stderr))
    if cell.best:
        shown = f"<strong>{shown}</strong>"
    elif cell.second:
        shown = f"<u>{shown}</u>"
    return shown + _mark(cell.mark)


def _mark(mark: str) -> str:
    return f"<sup>{escape(mark)}</sup>" if mark else ""
