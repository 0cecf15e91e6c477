"""Scores over training steps, where checkpoints carry one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from evalsuite.report.page.collect import PageData
from evalsuite.report.page.svg import Axis, colour, figure, marker, scrolled
from evalsuite.report.page.text import esc
from evalsuite.text import number

_TITLE = "Scores over training steps"
_HEIGHT = 150
_PAD = 8


@dataclass(frozen=True, slots=True)
class Series:
    """One training run: ``(step, index of its row)``, by step."""

    name: str
    places: tuple[tuple[int, int], ...]


def series(data: PageData) -> list[Series]:
    """The runs with at least two steps: checkpoints whose names differ in the step alone."""
    found: dict[str, list[tuple[int, int]]] = {}
    for index, row in enumerate(data.rows):
        step = row.checkpoint.step
        if step is not None:
            apart = row.plan.difference
            stem = re.sub(rf"[\W_]*(?:checkpoint|step)?[\W_]*{step}(?!\d)", "", row.plan.name)
            name = " / ".join(part for part in (stem, apart) if part)
            found.setdefault(name or "run", []).append((step, index))
    return [Series(name, tuple(sorted(at))) for name, at in found.items() if len(at) > 1]


def steps_html(data: PageData) -> str:
    """The figure, or nothing where no run has two steps."""
    runs = series(data)
    if not runs:
        return ""
    cards = []
    flat = [(section, head) for section in data.table.sections for head in section.columns]
    for index, (section, head) in enumerate(flat):
        values = [row.cells[index].value for row in data.table.rows]
        name = f"{section.title}, average" if head.average else head.label
        if drawn := _panel(name, runs, values):
            cards.append((not head.average, drawn))
    panels = "".join(drawn for _, drawn in sorted(cards, key=lambda card: card[0]))
    legend = "".join(
        f'<li><svg width="14" height="12" aria-hidden="true">{marker(i, "7", "6", run.name)}</svg> '
        f"<bdi>{esc(run.name)}</bdi></li>"
        for i, run in enumerate(runs)
    )
    body = (
        f'<ul class="legend">{legend}</ul><div class="cards">{panels}</div>{_numbers(data, runs)}'
    )
    return figure("steps", _TITLE, body, "A step without a score leaves a gap in its line.")


def _panel(name: str, runs: Sequence[Series], values: Sequence[float | None]) -> str:
    known = [(step, v) for run in runs for step, at in run.places if (v := values[at]) is not None]
    if len(known) < 2:
        return ""
    x = Axis.around([float(step) for step, _ in known])
    y = Axis.around([value for _, value in known], 0.1)

    def down(value: float) -> str:
        return f"{_PAD + (_HEIGHT - 2 * _PAD) * (100 - y.at(value)) / 100:.1f}"

    parts = []
    for tick in y.ticks(4):
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{down(tick)}" y2="{down(tick)}"/>')
        parts.append(f'<text class="tick" x="2" y="{float(down(tick)) - 3:.1f}">{tick:g}</text>')
    for index, run in enumerate(runs):
        points = [(step, values[at]) for step, at in run.places]
        for (one, first), (two, second) in pairwise(points):
            if first is not None and second is not None:
                parts.append(
                    f'<line class="error {colour(index)}" x1="{x.at(one)}%" x2="{x.at(two)}%" '
                    f'y1="{down(first)}" y2="{down(second)}"/>'
                )
        parts += [
            marker(index, f"{x.at(step)}%", down(v), f"{run.name}, step {step}: {v:.1f}", 3.5)
            for step, v in points
            if v is not None
        ]
    ends = (min(step for step, _ in known), max(step for step, _ in known))
    return (
        f'<figure class="card"><figcaption>{esc(name)}</figcaption>'
        f'<svg class="plot" width="100%" height="{_HEIGHT}" role="img" '
        f'aria-label="{esc(name)} over steps">{"".join(parts)}</svg>'
        f'<div class="ends"><span>step {ends[0]:,}</span><span>{ends[1]:,}</span></div></figure>'
    )


def _numbers(data: PageData, runs: Sequence[Series]) -> str:
    heads = "".join(
        f'<th scope="col">{esc(f"{s.title} {h.label}" if h.average else h.label)}</th>'
        for s in data.table.sections
        for h in s.columns
    )
    rows = "".join(
        f'<tr><th scope="row">{esc(run.name)}</th><td>{step}</td>'
        + "".join(
            f"<td>{'–' if cell.value is None else number(cell.value, data.table.decimals)}</td>"
            for cell in data.table.rows[at].cells
        )
        + "</tr>"
        for run in runs
        for step, at in run.places
    )
    table = (
        '<table><thead><tr><th scope="col">Run</th><th scope="col">Step</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return (
        '<details class="numbers"><summary>The numbers</summary>'
        + scrolled("Numbers of the figure", table)
        + "</details>"
    )
