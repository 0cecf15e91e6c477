"""Small panels side by side, one for each column of a table: what bars and steps share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalsuite.errors import UsageError
from evalsuite.report.figure_files import BLUE, GREEN, ORANGE
from evalsuite.results.tables.model import Cell, Table
from evalsuite.schema import World
from evalsuite.text import plain

WIDTH: Final = 7.0
"""Inches: as wide as a page's text."""
PER_LINE: Final = 4
LONGEST: Final = 28
"""Characters of a checkpoint's name that are shown."""
COLOURS: Final[dict[World | None, str]] = {"embedding": BLUE, "generative": GREEN, None: ORANGE}
WHISKERS: Final = "whiskers: 95 % intervals"


@dataclass(frozen=True, slots=True)
class Panel:
    """One column of a table that has a score."""

    title: str
    world: World | None
    average: bool
    cells: tuple[Cell, ...]
    """One for each row."""


def panels_of(table: Table) -> list[Panel]:
    """The columns with a score, in the table's order.

    Raises:
        UsageError: If there is none.
    """
    flat = [(section, head) for section in table.sections for head in section.columns]
    found = [
        Panel(
            title=plain(head.words(section.title), LONGEST),
            world=section.world,
            average=head.average,
            cells=tuple(row.cells[index] for row in table.rows),
        )
        for index, (section, head) in enumerate(flat)
        if any(row.cells[index].value is not None for row in table.rows)
    ]
    if not found:
        raise UsageError("there is no score to draw", "run the suite first: evalsuite run")
    return found


def row_names(table: Table) -> list[str]:
    """What the rows are called in a figure."""
    return [plain(row.name, LONGEST) + (f" ({row.mark})" if row.mark else "") for row in table.rows]


def reach(cell: Cell) -> tuple[float, float]:
    """How far the 95 % interval of a score reaches below and above it; 0 where not known."""
    ends = cell.score.interval() if cell.score else None
    if cell.value is None or ends is None:
        return 0.0, 0.0
    return max(0.0, cell.value - ends.low), max(0.0, ends.high - cell.value)


def axes_for(
    panels: Sequence[Panel], height: float, *, share_y: bool
) -> tuple[Any, Iterator[tuple[Panel, Any]]]:
    """A figure with one ``Axes`` for each panel.

    Args:
        panels: In the order in which they are read.
        height: Of one panel, in inches.
        share_y: Whether all panels of a line have the vertical axis of the first one.

    Returns:
        The ``matplotlib.figure.Figure``, and each panel with its axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(PER_LINE, len(panels))
    down = -(-len(panels) // across)
    width = WIDTH if across > 1 else WIDTH / 2
    figure = Figure(figsize=(width, down * (height + 0.38) + 0.3), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False, sharey=share_y)
    flat = list(grid.flat)
    for empty in flat[len(panels) :]:
        empty.remove()
    for panel, axes in zip(panels, flat, strict=False):
        weight = "bold" if panel.average else "normal"
        axes.set_title(panel.title, fontsize=7.5, fontweight=weight, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=2, width=0.7)
        axes.set_axisbelow(True)
    return figure, zip(panels, flat, strict=False)
