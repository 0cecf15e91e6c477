"""Figure 1 of the GRIT paper: embedding against generative performance.

Both axes are linear and no point is moved. A checkpoint with only one of the two averages is
drawn in a band at the margin that says so, not at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evalsuite.errors import UsageError
from evalsuite.report.figure_files import BLUE, GREEN, ORANGE, save, style
from evalsuite.report.label_places import Anchor, Box, place
from evalsuite.results.tables.model import Cell, Table
from evalsuite.schema import World
from evalsuite.text import plain

Group = Literal["both", "embedding only", "generative only"]
GROUPS: dict[Group, tuple[str, str]] = {
    "both": (BLUE, "o"),
    "embedding only": (ORANGE, "^"),
    "generative only": (GREEN, "s"),
}
"""Which averages a checkpoint has → colour and shape of its marker."""
_BAND = 0.17
"""Width of a margin band as a share of the range beside it."""
LONGEST = 32
"""Characters of a name that are shown."""
_FEW = 12
"""Up to this many points fit a figure as wide as one column of a paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A checkpoint with its averages in display units."""

    name: str
    generative: float | None
    embedding: float | None
    generative_stderr: float | None = None
    embedding_stderr: float | None = None

    @property
    def group(self) -> Group:
        """Which of the two averages it has."""
        if self.generative is None:
            return "embedding only"
        return "generative only" if self.embedding is None else "both"


def points(table: Table) -> list[Point]:
    """The rows that have an average in at least one world.

    The first average of each world counts.
    """
    places: dict[World, int] = {}
    flat = [(section.world, head) for section in table.sections for head in section.columns]
    for index, (world, head) in enumerate(flat):
        if head.average and world is not None:
            places.setdefault(world, index)

    def average(cells: Sequence[Cell], world: World) -> tuple[float | None, float | None]:
        cell = cells[places[world]] if world in places else None
        return (cell.value, cell.stderr) if cell else (None, None)

    found: list[Point] = []
    for row in table.rows:
        generative, generative_stderr = average(row.cells, "generative")
        embedding, embedding_stderr = average(row.cells, "embedding")
        if generative is not None or embedding is not None:
            found.append(
                Point(
                    name=f"{row.name} ({row.mark})" if row.mark else row.name,
                    generative=generative,
                    embedding=embedding,
                    generative_stderr=generative_stderr,
                    embedding_stderr=embedding_stderr,
                )
            )
    return found


def drawable(found: Sequence[Point]) -> bool:
    """Whether both axes have a scale: at least one average in each world."""
    return any(p.generative is not None for p in found) and any(
        p.embedding is not None for p in found
    )


def scatter(source: Table | Sequence[Point], *paths: Path) -> None:
    """Draw the figure.

    Args:
        source: A table with averages, or points.
        paths: Files to write; the suffix (``.svg``, ``.pdf``, ``.png``) chooses the format.

    Raises:
        UsageError: For another suffix, or if a world has no average at all.
        StoreError: If a file cannot be written.
    """
    found = points(source) if isinstance(source, Table) else list(source)
    save(lambda: scatter_figure(found), paths)


def scatter_figure(found: Sequence[Point]) -> Any:
    """The figure as a ``matplotlib.figure.Figure`` with one ``Axes``.

    Its collections are labelled ``both``, ``embedding only`` and ``generative only``.

    Raises:
        UsageError: If a world has no average at all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not drawable(found):
        raise UsageError(
            "the figure needs an embedding and a generative average",
            "run a suite whose sections of both worlds are complete for some checkpoint",
        )
    with style():
        width, height = (3.5, 3.1) if len(found) <= _FEW else (7.0, 5.0)
        figure = Figure(figsize=(width, height), dpi=200)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.5 / width, 0.42 / height, 1 - 0.64 / width, 1 - 0.52 / height))
        drawing = _Drawing(axes, found)
        drawing.frame()
        drawing.markers()
        drawing.names()
    return figure


class _Drawing:
    """One scatter plot in the making."""

    def __init__(self, axes: Any, found: Sequence[Point]) -> None:
        self.axes = axes
        self.points = found
        self.x = _Range(
            [(p.generative, p.generative_stderr) for p in found],
            band=any(p.generative is None for p in found),
        )
        self.y = _Range(
            [(p.embedding, p.embedding_stderr) for p in found],
            band=any(p.embedding is None for p in found),
        )
        self.fixed_text: list[Any] = []

    def frame(self) -> None:
        """Axes, their labels, and the bands at the margins."""
        from matplotlib.patches import Rectangle

        axes, x, y = self.axes, self.x, self.y
        axes.set(xlim=(x.start, x.high), ylim=(y.start, y.high))
        axes.set_xticks(x.ticks())
        axes.set_yticks(y.ticks())
        axes.tick_params(length=2.5, width=0.7)
        axes.set_xlabel("Generative average", x=_share(x), labelpad=2)
        axes.set_ylabel("Embedding average", y=_share(y), labelpad=2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines["left"].set_bounds(y.low, y.high)
        axes.spines["bottom"].set_bounds(x.low, x.high)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
        style: dict[str, Any] = {"facecolor": "#f1f1f1", "edgecolor": "none", "zorder": 0.6}
        if x.band:
            axes.add_patch(Rectangle((x.start, y.low), x.low - x.start, y.high - y.low, **style))
            at = (x.start + 0.1 * (x.low - x.start), y.low + 0.02 * (y.high - y.low))
            self._say(*at, "no generative score", rotation=90)
        if y.band:
            axes.add_patch(Rectangle((x.low, y.start), x.high - x.low, y.low - y.start, **style))
            at = (x.low + 0.02 * (x.high - x.low), y.start + 0.1 * (y.low - y.start))
            self._say(*at, "no embedding score", rotation=0)

    def markers(self) -> None:
        """Points and their standard errors."""
        for label, (color, shape) in GROUPS.items():
            members = [point for point in self.points if point.group == label]
            if not members:
                continue
            places = [self._place(point) for point in members]
            for point, (x, y) in zip(members, places, strict=True):
                self.axes.errorbar(
                    x,
                    y,
                    xerr=point.generative_stderr,
                    yerr=point.embedding_stderr,
                    fmt="none",
                    ecolor=color,
                    elinewidth=0.9,
                    alpha=0.6,
                    zorder=2,
                )
            self.axes.scatter(
                [x for x, _ in places],
                [y for _, y in places],
                s=22,
                c=color,
                marker=shape,
                edgecolors="white",
                linewidths=0.5,
                zorder=3,
                label=label,
            )

    def names(self) -> None:
        """Labels beside the points, with a line to those that had to move away."""
        figure = self.axes.figure
        renderer = figure.canvas.get_renderer()
        unit = figure.dpi / 72  # pixels in a point
        texts = [
            self.axes.text(
                0, 0, plain(point.name, LONGEST), fontsize=6.5, parse_math=False, zorder=4
            )
            for point in self.points
        ]
        anchors, obstacles = [], [self._box(text, renderer) for text in self.fixed_text]
        for point, text in zip(self.points, texts, strict=True):
            extent = text.get_window_extent(renderer)
            x, y = self.axes.transData.transform(self._place(point))
            anchors.append(Anchor(x, y, extent.width + 2 * unit, extent.height))
            obstacles.extend(self._marker_boxes(point, 2.8 * unit))
        window = self.axes.get_window_extent(renderer)
        bounds = Box(window.x0, window.y0, window.x1, window.y1)
        places = place(anchors, obstacles, bounds, gap=4.2 * unit)
        to_data = self.axes.transData.inverted()
        for text, anchor, label in zip(texts, anchors, places, strict=True):
            if label is None:
                text.remove()
                continue
            text.set_position(to_data.transform((label.box.left + unit, label.box.bottom)))
            text.set_verticalalignment("bottom")
            if label.line is not None:
                ends = to_data.transform([(anchor.x, anchor.y), label.line])
                self.axes.plot(*ends.T, color="#8a8a8a", linewidth=0.5, zorder=1.5)
        if left_out := places.count(None):
            said = f"names left out for lack of room: {left_out}"
            figure.text(0.01, 0.01, said, fontsize=6, color="#555555")

    def _say(self, x: float, y: float, text: str, *, rotation: int) -> None:
        self.fixed_text.append(
            self.axes.text(
                x, y, text, rotation=rotation, fontsize=6, color="#6a6a6a", style="italic",
                ha="left", va="bottom", zorder=1,
            )
        )  # fmt: skip

    def _place(self, point: Point) -> tuple[float, float]:
        return self.x.at(point.generative), self.y.at(point.embedding)

    def _marker_boxes(self, point: Point, half: float) -> list[Box]:
        """The marker and its error bars, in pixels."""
        x, y = self._place(point)
        dx, dy = point.generative_stderr or 0.0, point.embedding_stderr or 0.0
        transform = self.axes.transData.transform
        (left, bottom), (right, top) = transform((x - dx, y - dy)), transform((x + dx, y + dy))
        at_x, at_y = transform((x, y))
        return [
            Box(at_x - half, at_y - half, at_x + half, at_y + half),
            Box(left, at_y - 1, right, at_y + 1),
            Box(at_x - 1, bottom, at_x + 1, top),
        ]

    @staticmethod
    def _box(text: Any, renderer: Any) -> Box:
        extent = text.get_window_extent(renderer)
        return Box(extent.x0, extent.y0, extent.x1, extent.y1)


class _Range:
    """One axis: the range of its scores, and a band before it for what has none."""

    def __init__(self, scores: Sequence[tuple[float | None, float | None]], *, band: bool) -> None:
        known = [(value, stderr or 0.0) for value, stderr in scores if value is not None]
        low = min(value - stderr for value, stderr in known)
        high = max(value + stderr for value, stderr in known)
        pad = 0.1 * (high - low) or 1.0
        self.low, self.high = low - pad, high + pad
        self.band = band
        self.start = self.low - _BAND * (self.high - self.low) if band else self.low

    def at(self, value: float | None) -> float:
        """Where a score is drawn; without one, in the middle of the band."""
        return (self.start + self.low) / 2 if value is None else value

    def ticks(self) -> list[float]:
        """Round numbers inside the range of scores: the band has no scale."""
        from matplotlib.ticker import MaxNLocator

        found = MaxNLocator(nbins=7, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        return [float(tick) for tick in found if self.low <= tick <= self.high]


def _share(axis: _Range) -> float:
    """Middle of the range of scores, as a share of the axis with its band."""
    return ((axis.low + axis.high) / 2 - axis.start) / (axis.high - axis.start)
