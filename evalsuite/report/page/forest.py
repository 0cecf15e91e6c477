"""Differences from a baseline with their intervals, and the numbers beside them."""

from __future__ import annotations

from evalsuite.report.forest import Line, lines
from evalsuite.report.page.collect import PageData
from evalsuite.report.page.svg import Axis, colour, figure, marker, scrolled
from evalsuite.report.page.text import esc

_TITLE = "Differences from the baseline"
_MIDDLE = "11"
"""Height of a line's marker, in pixels."""


def forest_html(data: PageData) -> str:
    """The figure: a row a task and candidate, the plot between names and numbers."""
    drawn = lines(data.comparisons)
    if not drawn:
        why = (
            "no difference has an interval"
            if data.comparisons
            else "nothing is compared; name a baseline and candidates (--compare)"
        )
        return figure("forest", _TITLE, f'<p class="none">Not drawn: {why}.</p>')
    ends = [v for line in drawn for value in line.values if value for v in (0.0, *value[1:])]
    axis = Axis.around(ends, 0.04)
    names = [comparison.second for comparison in data.comparisons]
    body = "".join(_rows(line, names, axis) for line in drawn)
    candidate = '<th scope="col">Candidate</th>' if len(names) > 1 else ""
    table = (
        f'<table class="forest"><thead><tr><th scope="col">Task</th>{candidate}'
        f'<th scope="col" class="wide"><span class="hidden">Difference and interval</span>'
        f'{_ticks(axis)}</th><th scope="col">Δ</th><th scope="col">95 % interval</th></tr></thead>'
        f"{body}</table>"
    )
    who = f"<bdi>{esc(names[0])}</bdi>" if len(names) == 1 else "the candidate"
    about = (
        f"Δ: score of {who} less that of <bdi>{esc(data.comparisons[0].first)}</bdi>, in "
        "points. An interval that spans 0 does not tell the two apart."
    )
    return figure("forest", _TITLE, scrolled(_TITLE, table), about)


def _rows(line: Line, names: list[str], axis: Axis) -> str:
    present = [(i, value) for i, value in enumerate(line.values) if value is not None]
    rows = []
    for number, (index, value) in enumerate(present):
        delta, low, high = value
        said = f"{names[index]}: {delta:+.1f}, {low:+.1f} to {high:+.1f}"
        task = (
            f'<th scope="rowgroup" rowspan="{len(present)}">{esc(line.label)}</th>'
            if number == 0
            else ""
        )
        drawing = (
            f'<svg width="100%" height="22" aria-hidden="true">{_grid(axis)}'
            f'<line class="error {colour(index)}" x1="{axis.at(low)}%" x2="{axis.at(high)}%" '
            f'y1="{_MIDDLE}" y2="{_MIDDLE}"/>'
            f"{marker(index, f'{axis.at(delta)}%', _MIDDLE, said)}</svg>"
        )
        candidate = f'<td class="who">{esc(names[index])}</td>' if len(names) > 1 else ""
        rows.append(
            f"<tr>{task}{candidate}<td>{drawing}</td>"
            f"<td>{_signed(delta)}</td><td>{_signed(low)} to {_signed(high)}</td></tr>"
        )
    names_ = ' class="mean"' if line.average else ""
    return f"<tbody{names_}>{''.join(rows)}</tbody>"


def _grid(axis: Axis) -> str:
    return "".join(
        f'<line class="{"zero" if tick == 0 else "grid"}" x1="{axis.at(tick)}%" '
        f'x2="{axis.at(tick)}%" y1="0" y2="22"/>'
        for tick in axis.ticks()
    )


def _ticks(axis: Axis) -> str:
    texts = "".join(
        f'<text class="tick" x="{axis.at(tick)}%" y="12" text-anchor="middle">'
        f"{f'{tick:+g}'.replace('-', '−') if tick else 0}</text>"
        for tick in axis.ticks()
    )
    return f'<svg width="100%" height="16" aria-hidden="true">{texts}</svg>'


def _signed(value: float) -> str:
    shown = f"{value:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")
