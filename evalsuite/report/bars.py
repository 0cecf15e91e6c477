"""Bars: the scores of each column with their intervals, for any mix of checkpoints."""

from __future__ import annotations

from typing import Any

from evalsuite.report.panels import COLOURS, WHISKERS, Panel, axes_for, panels_of, reach, row_names
from evalsuite.results.tables.model import Table
from evalsuite.text import number

ROW = 0.17
"""Inches a bar."""


def bars_figure(table: Table) -> Any:
    """The figure as a ``matplotlib.figure.Figure``: one ``Axes`` for each column with a score.

    Bars begin at 0; a checkpoint without a score has none. Whiskers are 95 % intervals.

    Raises:
        UsageError: If the table has no score.
    """
    panels = panels_of(table)
    figure, placed = axes_for(panels, ROW * len(table.rows) + 0.12, share_y=True)
    for panel, axes in placed:
        _draw(panel, axes, table.decimals)
        axes.set_yticks(range(len(table.rows)), row_names(table), parse_math=False)
        axes.set_ylim(len(table.rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    figure.supxlabel(WHISKERS, fontsize=6.5, color="#555555")
    return figure


def _draw(panel: Panel, axes: Any, decimals: int) -> None:
    from matplotlib.ticker import MaxNLocator

    known = [
        (at, cell.value, *reach(cell))
        for at, cell in enumerate(panel.cells)
        if cell.value is not None
    ]
    places, values, below, above = zip(*known, strict=True)
    axes.barh(places, values, height=0.72, color=COLOURS[panel.world], alpha=0.75)
    axes.errorbar(
        values,
        places,
        xerr=[below, above],
        fmt="none",
        ecolor="#333333",
        elinewidth=0.8,
        capsize=1.5,
        capthick=0.8,
    )
    high = max(value + up for value, up in zip(values, above, strict=True))
    low = min(0.0, *(value - down for value, down in zip(values, below, strict=True)))
    room = (max(high, 0.0) - low) or 1.0
    for at, value, up in zip(places, values, above, strict=True):
        text = number(value, decimals)
        axes.text(max(value + up, 0.0) + 0.03 * room, at, text, fontsize=6, va="center")
    axes.set_xlim(low - (0.05 * room if low < 0 else 0), max(high, 0.0) + 0.3 * room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3))
