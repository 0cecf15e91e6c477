"""The page's figures of averages and of differences, with the numbers that they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evalsuite.report.figure_files import style
from evalsuite.report.figures import GROUPS, Point, drawable, points, scatter_figure
from evalsuite.report.forest import DifferenceLine, difference_lines, forest_figure
from evalsuite.report.page.inline_svg import inline_svg
from evalsuite.results.tables.model import Table
from evalsuite.text import number

if TYPE_CHECKING:
    from evalsuite.results.compare.suite import SuiteComparison

AVERAGES: Final = "Embedding and generative averages"
DIFFERENCES: Final = "Differences from the baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragesFigure:
    """Embedding against generative averages."""

    svg: str
    points: Sequence[Point]


def averages_figure(table: Table) -> AveragesFigure | None:
    """The averages of a table; ``None`` where a world has none."""
    found = points(table)
    if not drawable(found):
        return None
    with style():
        figure = scatter_figure(found)
        texts: dict[str, list[str]] = {}
        for collection in figure.axes[0].collections:
            if (group := collection.get_label()) in GROUPS:
                collection.set_gid(group)
                texts[group] = [_scores(point) for point in found if point.group == group]
        about = "; ".join(map(_scores, found))
        svg = inline_svg(figure, "averages", AVERAGES, about, texts)
    return AveragesFigure(svg=svg, points=found)


def _scores(point: Point) -> str:
    """A checkpoint's averages in words."""
    embedding, generative = (
        "none" if score is None else number(score, 1)
        for score in (point.embedding, point.generative)
    )
    return f"{point.name}: embedding {embedding}, generative {generative}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferencesFigure:
    """Differences from a baseline with their intervals."""

    svg: str
    baseline: str
    candidates: Sequence[str]
    lines: Sequence[DifferenceLine]


def differences_figure(comparisons: Sequence[SuiteComparison]) -> DifferencesFigure | None:
    """The differences of some comparisons; ``None`` where none has an interval."""
    lines = difference_lines(comparisons)
    if not lines:
        return None
    names = [comparison.second for comparison in comparisons]
    with style():
        figure = forest_figure(comparisons, lines)
        texts: dict[str, list[str]] = {}
        for index, (name, container) in enumerate(
            zip(names, figure.axes[0].containers, strict=True)
        ):
            gid = f"candidate-{index}"
            container.lines[0].set_gid(gid)
            known = [value for line in lines if (value := line.values[index]) is not None]
            texts[gid] = [f"{name}: {d:+.1f}, {low:+.1f} to {high:+.1f}" for d, low, high in known]
        about = f"{len(lines)} differences; the table below the figure has their numbers"
        svg = inline_svg(figure, "differences", DIFFERENCES, about, texts)
    return DifferencesFigure(svg=svg, baseline=comparisons[0].first, candidates=names, lines=lines)


def signed(value: float) -> str:
    """A difference with its sign and one decimal."""
    shown = f"{value:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")
