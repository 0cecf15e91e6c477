"""Heat map: checkpoint by task, with each score written in its cell."""

from __future__ import annotations

from typing import Any, Final

from evalsuite.report.panels import panels_of, row_names
from evalsuite.results.tables.model import Cell, Table
from evalsuite.text import plain

CELL: Final = (0.52, 0.19)
"""Inches."""
CHARACTER: Final = 0.06
"""Inches that a character takes in a label, on average."""
ANGLE: Final = 40
SLANT: Final = (0.77, 0.64)
"""Cosine and sine of :data:`ANGLE`, at which checkpoints are written."""
LONGEST: Final = 40
DARK: Final = 0.7
"""Share of the scale from which white text is read better than black."""


def heat_figure(table: Table) -> Any:
    """The figure as a ``matplotlib.figure.Figure`` with one ``Axes``: a line for each column.

    Percentages are coloured from 0 to 100; other units have no such scale and stay white. Cells
    without a score say why (``failed``, ``skip``, ``–``).

    Raises:
        UsageError: If the table has no score.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = panels_of(table)
    names = row_names(table)
    labels = [plain(panel.title, LONGEST) for panel in panels]
    shares = [[_share(cell) for cell in panel.cells] for panel in panels]
    beside, above = max(map(len, labels)), max(map(len, names))
    width = 0.4 + CHARACTER * beside + CELL[0] * len(names) + SLANT[0] * CHARACTER * above
    height = 0.4 + CELL[1] * len(panels) + SLANT[1] * CHARACTER * above
    figure = Figure(figsize=(width, height), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(
        [[float("nan") if one is None else one for one in line] for line in shares],
        cmap="Blues",
        vmin=0.0,
        vmax=1.0,
        aspect="auto",
    )
    for y, panel in enumerate(panels):
        for x, cell in enumerate(panel.cells):
            share = shares[y][x]
            colour = "white" if share is not None and share > DARK else "#222222"
            shown = cell.shown(table.decimals)
            axes.text(x, y, shown, ha="center", va="center", fontsize=6, color=colour)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    for text, panel in zip(axes.get_yticklabels(), panels, strict=True):
        text.set_fontweight("bold" if panel.average else "normal")
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=ANGLE,
        ha="left",
        rotation_mode="anchor",
        parse_math=False,
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _share(cell: Cell) -> float | None:
    """Where a score lies between 0 and 100; ``None`` without a score or such a scale."""
    bounded = cell.score is not None and cell.score.metric.unit in ("fraction", "percent")
    if cell.value is None or not bounded:
        return None
    return min(1.0, max(0.0, cell.value / 100))
