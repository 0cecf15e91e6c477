"""Scores by category: one small table of bars for each column of the suite."""

from __future__ import annotations

from evalsuite.report.page.svg import figure
from evalsuite.report.page.text import esc
from evalsuite.results.tables.model import Cell, Table

_TITLE = "Scores by category"


def bars_html(table: Table) -> str:
    """The figure; bars begin at 0, and a missing score has none."""
    if not any(head.average for head in table.heads):
        return figure(
            "bars",
            _TITLE,
            '<p class="none">Not drawn: choose a suite with categories (--suite).</p>',
        )
    cards = []
    index = 0
    for section in table.sections:
        for head in section.columns:
            cells = [row.cells[index] for row in table.rows]
            top = max([100.0, *(cell.value for cell in cells if cell.value is not None)])
            rows = "".join(
                f'<tr><th scope="row">{esc(row.name)}</th><td class="bar">{_bar(cell, top)}</td>'
                f'<td class="{cell.status}">{esc(cell.shown(table.decimals))}</td></tr>'
                for row, cell in zip(table.rows, cells, strict=True)
            )
            name = f"{section.title}, average" if head.average else head.label
            strong = " avg" if head.average else ""
            cards.append(
                f'<table class="card{strong}"><caption>{esc(name)}</caption>'
                f"<tbody>{rows}</tbody></table>"
            )
            index += 1
    about = "Bars run from 0 to 100; whiskers: one standard error."
    return figure("bars", _TITLE, f'<div class="cards">{"".join(cards)}</div>', about)


def _bar(cell: Cell, top: float) -> str:
    if cell.value is None:
        return ""
    share = max(0.0, 100 * cell.value / top)
    whisker = ""
    if cell.stderr is not None:
        low, high = (
            min(100.0, max(0.0, 100 * (cell.value + sign * cell.stderr) / top)) for sign in (-1, 1)
        )
        whisker = f'<line class="whisker" x1="{low:.1f}%" x2="{high:.1f}%" y1="6" y2="6"/>'
    return (
        '<svg width="100%" height="12" aria-hidden="true">'
        '<rect class="track" width="100%" height="12"/>'
        f'<rect class="fill" width="{share:.1f}%" height="12"/>{whisker}</svg>'
    )
