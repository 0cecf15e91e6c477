"""Scores over training steps with their intervals, one line for each training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.errors import UsageError
from evalsuite.report.figure_files import SERIES, legend_above
from evalsuite.report.panels import WHISKERS, Panel, axes_for, panels_of, reach
from evalsuite.results.tables.model import Table
from evalsuite.results.training_runs import Series, training_runs
from evalsuite.stats import noise_band
from evalsuite.stats.curves import WINDOW
from evalsuite.text import plain

BAND = f"band: one standard deviation of the last {WINDOW} checkpoints around their mean"
HEIGHT = 1.15
"""Inches of a panel."""


def steps_figure(table: Table, steps: Mapping[str, int | None]) -> Any:
    """The figure as a ``matplotlib.figure.Figure``: one ``Axes`` for each column with a score.

    Args:
        table: One row for each checkpoint.
        steps: Fingerprint → training step.

    Raises:
        UsageError: If no two checkpoints are steps of one run, or the table has no score.
    """
    rows = table.rows
    runs = training_runs((row.name, row.mark, steps.get(row.fingerprint)) for row in rows)
    if not runs:
        raise UsageError(
            "no two checkpoints are steps of one training run",
            "their folders' names differ in the step alone: run/checkpoint-500, -1000",
        )
    figure, placed = axes_for(panels_of(table), HEIGHT, share_y=False)
    for panel, axes in placed:
        for index, run in enumerate(runs):
            _draw(panel, run, axes, *SERIES[index % len(SERIES)])
        _finish(axes)
    if len(runs) > 1:
        legend_above(figure)
    about = f"{WHISKERS}; {BAND}" if any(banded(run) for run in runs) else WHISKERS
    figure.supxlabel(f"training step ({about})", fontsize=6.5, color="#555555")
    return figure


def _draw(panel: Panel, run: Series, axes: Any, colour: str, shape: str) -> None:
    """One line; a step without a score leaves a gap in it."""
    missing = float("nan")
    cells = [panel.cells[at] for _, at in run.places]
    draw_band(axes, run, [cell.value for cell in cells], colour)
    below, above = zip(*map(reach, cells), strict=True)
    axes.errorbar(
        [step for step, _ in run.places],
        [missing if cell.value is None else cell.value for cell in cells],
        yerr=[below, above],
        color=colour,
        marker=shape,
        markersize=3.5,
        linewidth=1.1,
        elinewidth=0.8,
        capsize=1.5,
        label=plain(run.name, 40),
    )


def banded(run: Series) -> bool:
    """Whether a run has checkpoints enough for a band."""
    return len(run.places) >= WINDOW


def draw_band(axes: Any, run: Series, scores: Sequence[float | None], colour: str) -> Any:
    """The noise of the last checkpoints around each, as a band behind a run's line.

    Args:
        axes: Where to.
        run: Its steps.
        scores: One for each step; ``None`` where there is none.
        colour: Of the line.

    Returns:
        What was drawn; ``None`` with fewer than two ends.
    """
    ends = [
        (step, *band)
        for (step, _), band in zip(run.places, noise_band(scores), strict=True)
        if band is not None
    ]
    if len(ends) < 2:
        return None
    steps, low, high = zip(*ends, strict=True)
    return axes.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0, zorder=0.5)


def _finish(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.margins(0.08, 0.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
