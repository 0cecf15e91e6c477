"""Scores over training steps, where checkpoints carry one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalsuite.report.figure_files import SERIES, style
from evalsuite.report.page.collect import PageData
from evalsuite.report.page.inline_svg import inline_svg
from evalsuite.report.steps import BAND, banded, draw_band
from evalsuite.results.training_runs import Series, training_runs

SHAPES: Final = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼"}
"""Marker of a series → the same as a letter, for the legend."""
_SIZE = (2.7, 1.5)
"""Inches of one panel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsPanel:
    """The scores of one column over the steps."""

    name: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsFigure:
    """Scores over training steps, one panel for each column."""

    runs: Sequence[Series]
    panels: Sequence[StepsPanel]

    @property
    def about(self) -> str:
        """What is to be read from it, in words."""
        gap = "A step without a score leaves a gap in its line."
        return f"{gap} {BAND.capitalize()}." if any(map(banded, self.runs)) else gap

    @property
    def legend(self) -> list[tuple[int, str, str]]:
        """Number of the colour, shape and name of each run."""
        found = []
        for index, run in enumerate(self.runs):
            colour = index % len(SERIES)
            found.append((colour, SHAPES[SERIES[colour][1]], run.name))
        return found


def series(data: PageData) -> list[Series]:
    """The runs with at least two steps: checkpoints whose names differ in the step alone."""
    return training_runs(
        (row.plan.name, row.plan.difference, row.checkpoint.step) for row in data.rows
    )


def steps_figure(data: PageData) -> StepsFigure | None:
    """The figure, averages first; ``None`` where no run has two steps."""
    runs = series(data)
    if not runs:
        return None
    averages: list[StepsPanel] = []
    others: list[StepsPanel] = []
    with style():
        drawing = PanelDrawing(runs)
        flat = [(section, head) for section in data.table.sections for head in section.columns]
        for index, (section, head) in enumerate(flat):
            values = [row.cells[index].value for row in data.table.rows]
            if sum(values[at] is not None for run in runs for _, at in run.places) < 2:
                continue
            name = head.words(section.title)
            drawing.show(values)
            panel = StepsPanel(name=name, svg=_svg(drawing, name, f"steps-{index}", values))
            (averages if head.average else others).append(panel)
    return StepsFigure(runs=runs, panels=[*averages, *others])


class PanelDrawing:
    """The scores of one column over the steps, one line for each run.

    All panels are drawn with one figure: making axes takes longer than drawing lines.
    """

    def __init__(self, runs: Sequence[Series]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, StrMethodFormatter

        self.runs = runs
        self.bands: list[Any] = []
        width, height = _SIZE
        self.figure = Figure(figsize=_SIZE)
        FigureCanvasAgg(self.figure)
        box = (0.34 / width, 0.2 / height, 1 - 0.44 / width, 1 - 0.26 / height)
        self.axes: Any = self.figure.add_axes(box)
        for index, run in enumerate(runs):
            colour, shape = SERIES[index % len(SERIES)]
            steps = [step for step, _ in run.places]
            look: dict[str, Any] = {
                "color": colour,
                "marker": shape,
                "markersize": 4,
                "linewidth": 1.2,
            }
            self.axes.plot(steps, [math.nan] * len(steps), gid=f"run-{index}", **look)
        self.axes.margins(0.06, 0.1)
        self.axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        self.axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        self.axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        self.axes.tick_params(length=2, width=0.7)
        self.axes.spines[["top", "right"]].set_visible(False)
        self.axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
        self.axes.set_axisbelow(True)

    def show(self, values: Sequence[float | None]) -> None:
        """Show the scores of a column; a step without a score leaves a gap in its line.

        Args:
            values: The score of each row.
        """
        for band in self.bands:
            band.remove()
        self.bands = []
        for run, line in zip(self.runs, self.axes.lines, strict=True):
            scores = [values[at] for _, at in run.places]
            band = draw_band(self.axes, run, scores, line.get_color())
            self.bands += [] if band is None else [band]
            line.set_ydata([math.nan if score is None else score for score in scores])
        self.axes.relim()
        self.axes.autoscale_view()


def _svg(drawing: PanelDrawing, name: str, ident: str, values: Sequence[float | None]) -> str:
    texts = {}
    for index, run in enumerate(drawing.runs):
        known = [(step, v) for step, at in run.places if (v := values[at]) is not None]
        texts[f"run-{index}"] = [f"{run.name}, step {step}: {v:.1f}" for step, v in known]
    about = "; ".join(text for said in texts.values() for text in said)
    return inline_svg(drawing.figure, ident, f"{name} over steps", about, texts, fluid=True)
