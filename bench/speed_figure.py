"""All figures beside their goals, as one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import Goal
from evalsuite.report.figure_files import BLUE, METADATA, ORANGE, STYLE

INCH = 0.2
"""Height of a row."""


def draw(goals: Sequence[Goal], *paths: Path) -> None:
    """Draw how many times faster, shares of the peak, overhead, and what should stay low.

    Args:
        goals: Figures, in the order of the parts.
        paths: Files to write; the suffix chooses the format.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        (
            "times faster than the peer",
            1.0,
            [g for g in goals if g.unit == "×" and g.better == "higher"],
        ),
        (
            "share of the peak, %",
            100.0,
            [g for g in goals if g.unit == "%" and g.better == "higher"],
        ),
        (
            "more time than the peer, %",
            100.0,
            [g for g in goals if g.unit == "%" and g.better == "lower"],
        ),
        (
            "parts of what is allowed",
            None,
            [g for g in goals if g.unit != "%" and g.better == "lower"],
        ),
    ]
    shown = [panel for panel in panels if panel[2]]
    counts = [len(found) for *_, found in shown]
    with mpl.rc_context(STYLE):
        size = (7.0, INCH * sum(counts) + 0.65 * len(shown))
        figure = Figure(figsize=size, dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        stacked = figure.subplots(len(shown), 1, height_ratios=counts, squeeze=False)[:, 0]
        for axes, (label, scale, found) in zip(stacked, shown, strict=True):
            _rows(axes, found, scale)
            axes.set_xlabel(f"{label}; bar: goal")
        for path in paths:
            metadata: dict[str, Any] = dict(METADATA[path.suffix])
            figure.savefig(path, dpi=200, metadata=metadata)


def _rows(axes: Any, goals: Sequence[Goal], scale: float | None) -> None:
    """A point with its range and a bar at its goal, in each row.

    Args:
        axes: Where.
        goals: One a row.
        scale: What figures are multiplied with; ``None``: so that the goal is 1.
    """
    for row, goal in enumerate(goals):
        factor = 1 / goal.goal if scale is None else scale
        low, median, high = (
            factor * value for value in (goal.reached.low, goal.reached.median, goal.reached.high)
        )
        color, marker = (BLUE, "o") if goal.met else (ORANGE, "D")
        axes.plot([low, high], [row, row], color=color, linewidth=1.5)
        axes.plot(median, row, marker, color=color, markersize=4)
        axes.plot([factor * goal.goal] * 2, [row - 0.35, row + 0.35], color="0.25", linewidth=1.2)
    names = [f"{goal.part}  {goal.what.replace('`', '')}" for goal in goals]
    axes.set_yticks(range(len(goals)), names)
    axes.set_ylim(len(goals) - 0.4, -0.6)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=2.5, width=0.7)
    axes.spines[["top", "right"]].set_visible(False)
