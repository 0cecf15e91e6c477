"""Embedding against generative averages, as in Figure 1 of the GRIT paper."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.report.figures import Point, drawable, points
from evalsuite.report.label_places import Anchor, Box, place
from evalsuite.report.page.svg import Axis, figure, marker, scrolled
from evalsuite.report.page.text import esc
from evalsuite.results.tables.model import Table
from evalsuite.text import number, width

WIDTH, HEIGHT = 680, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 46
_BAND = 92
"""Pixels of the margin for checkpoints without a score on that axis."""
_LETTER = 6.6
"""Mean width of a letter, in pixels, of the labels' font."""
_TITLE = "Embedding and generative averages"


def scatter_html(table: Table) -> str:
    """The figure; where a world has no average, what is missing."""
    found = points(table)
    if not drawable(found):
        return figure(
            "scatter",
            _TITLE,
            '<p class="none">Not drawn: it needs an embedding and a generative average.</p>',
        )
    drawing, left_out = _drawing(found)
    body = scrolled(_TITLE, drawing) + _numbers(found, table.decimals)
    about = "Bars: one standard error."
    if left_out:
        about += f" Names left out for lack of room: {left_out}."
    return figure("scatter", _TITLE, body, about)


def _drawing(found: Sequence[Point]) -> tuple[str, int]:
    """The drawing, and how many points have no room for their name."""
    x = _Scale([(p.generative, p.generative_stderr) for p in found], _LEFT, WIDTH - _RIGHT)
    y = _Scale([(p.embedding, p.embedding_stderr) for p in found], HEIGHT - _BOTTOM, _TOP)
    parts = [_frame(x, y)]
    for point in found:
        at_x, at_y = x.at(point.generative), y.at(point.embedding)
        parts.append(_bars(point, x, y))
        parts.append(marker(_shape(point), f"{at_x:.1f}", f"{at_y:.1f}", _said(point)))
    anchors = [
        Anchor(x.at(p.generative), y.at(p.embedding), _LETTER * width(p.name) + 4, 14)
        for p in found
    ]
    obstacles = [box for point in found for box in _taken(point, x, y)]
    bounds = Box(_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM)
    labels = place(anchors, obstacles, bounds, gap=9)
    for point, anchor, label in zip(found, anchors, labels, strict=True):
        if label is None:
            continue
        if label.line is not None:
            parts.append(_rule("leader", (anchor.x, anchor.y), label.line))
        parts.append(_word("name", label.box.left + 2, label.box.top - 3, point.name))
    about = "; ".join(map(_said, found))
    drawn = (
        f'<svg class="plot" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{esc(_TITLE)}"><desc>{esc(about)}</desc>{"".join(parts)}</svg>'
    )
    return drawn, labels.count(None)


def _taken(point: Point, x: _Scale, y: _Scale) -> list[Box]:
    """The marker and its bars: no label may lie on them."""
    at_x, at_y = x.at(point.generative), y.at(point.embedding)
    boxes = [Box(at_x - 6, at_y - 6, at_x + 6, at_y + 6)]
    if ends := _ends(point.generative, point.generative_stderr, x):
        boxes.append(Box(ends[0], at_y - 2, ends[1], at_y + 2))
    if ends := _ends(point.embedding, point.embedding_stderr, y):
        boxes.append(Box(at_x - 2, ends[0], at_x + 2, ends[1]))
    return boxes


def _ends(value: float | None, error: float | None, scale: _Scale) -> list[float]:
    """The pixels where a score's error bar ends, the smaller one first."""
    if value is None or not error:
        return []
    return sorted(scale.at(value + sign * error) for sign in (-1, 1))


class _Scale:
    """From scores to pixels, with a band before the range for what has none."""

    def __init__(
        self, scores: Sequence[tuple[float | None, float | None]], start: float, end: float
    ) -> None:
        known = [(value, error or 0.0) for value, error in scores if value is not None]
        self.axis = Axis.around([v + sign * e for v, e in known for sign in (-1, 1)], 0.1)
        self.band = any(value is None for value, _ in scores)
        self.edge = start
        self.start = start + (_BAND if end > start else -_BAND) * self.band
        self.end = end

    def at(self, value: float | None) -> float:
        """The pixel of a score; without one, the middle of the band."""
        if value is None:
            return (self.edge + self.start) / 2
        return self.start + (self.end - self.start) * self.axis.at(value) / 100


def _frame(x: _Scale, y: _Scale) -> str:
    parts = []
    for tick in x.axis.ticks():
        at = x.at(tick)
        parts.append(_rule("grid", (at, y.end), (at, y.start)))
        parts.append(_word("tick", at, y.edge + 16, f"{tick:g}", "middle"))
    for tick in y.axis.ticks():
        at = y.at(tick)
        parts.append(_rule("grid", (x.start, at), (x.end, at)))
        parts.append(_word("tick", x.edge - 6, at + 4, f"{tick:g}", "end"))
    if x.band:
        parts.append(_band(x.edge, y.end, x.start - x.edge, y.start - y.end))
        parts.append(_word("tick", x.edge + 4, y.end + 14, "generative: none"))
    if y.band:
        parts.append(_band(x.start, y.start, x.end - x.start, y.edge - y.start))
        parts.append(_word("tick", x.end - 4, y.edge - 5, "embedding: none", "end"))
    middle = (y.start + y.end) / 2
    parts.append(_word("axis", (x.start + x.end) / 2, HEIGHT - 8, "Generative average", "middle"))
    parts.append(
        f'<g transform="rotate(-90 14 {middle:.1f})">'
        + _word("axis", 14, middle, "Embedding average", "middle")
        + "</g>"
    )
    return "".join(parts)


def _band(x: float, y: float, wide: float, high: float) -> str:
    return f'<rect class="band" x="{x}" y="{y}" width="{wide}" height="{high}"/>'


def _bars(point: Point, x: _Scale, y: _Scale) -> str:
    at_x, at_y = x.at(point.generative), y.at(point.embedding)
    names = f"error c{_shape(point)}"
    parts = []
    if ends := _ends(point.generative, point.generative_stderr, x):
        parts.append(_rule(names, (ends[0], at_y), (ends[1], at_y)))
    if ends := _ends(point.embedding, point.embedding_stderr, y):
        parts.append(_rule(names, (at_x, ends[0]), (at_x, ends[1])))
    return "".join(parts)


def _rule(names: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    return (
        f'<line class="{names}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" '
        f'x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
    )


def _word(names: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text class="{names}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{esc(text)}</text>'
    )


def _shape(point: Point) -> int:
    """0 with both averages, 1 with embedding only, 2 with generative only."""
    if point.generative is None:
        return 1
    return 2 if point.embedding is None else 0


def _said(point: Point) -> str:
    def value(score: float | None) -> str:
        return "none" if score is None else number(score, 1)

    return f"{point.name}: embedding {value(point.embedding)}, generative {value(point.generative)}"


def _numbers(found: Sequence[Point], decimals: int) -> str:
    def cell(value: float | None, error: float | None) -> str:
        if value is None:
            return "<td>–</td>"
        shown = number(value, decimals)
        return f"<td>{shown}{f' ± {number(error, decimals)}' if error is not None else ''}</td>"

    rows = "".join(
        f'<tr><th scope="row">{esc(p.name)}</th>{cell(p.embedding, p.embedding_stderr)}'
        f"{cell(p.generative, p.generative_stderr)}</tr>"
        for p in found
    )
    return (
        '<details class="numbers"><summary>The numbers</summary>'
        + scrolled(
            "Numbers of the figure",
            '<table><thead><tr><th scope="col">Checkpoint</th><th scope="col">Embedding</th>'
            f'<th scope="col">Generative</th></tr></thead><tbody>{rows}</tbody></table>',
        )
        + "</details>"
    )
