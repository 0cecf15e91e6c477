"""Checkpoint × task as a table with coloured cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from evalsuite.report.page.collect import PageData
from evalsuite.results.columns import Layout
from evalsuite.results.means import DisplayScore, task_score
from evalsuite.results.tables.model import Cell

LEVELS = 10
"""Steps of colour above none; without inline styles, each is a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """A score with the classes that colour it."""

    text: str
    classes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLine:
    """One task."""

    task: str
    link: str
    """Address of its samples on the page; empty where the page has none."""
    cells: Sequence[HeatCell]


def heat_lines(data: PageData) -> dict[str, list[HeatLine]]:
    """Title of a group → its tasks."""
    with_samples = {samples.task for samples in data.samples}
    return {
        title: [_line(task, data, linked=task in with_samples) for task in tasks]
        for title, tasks in _groups(data.layout).items()
    }


def _groups(layout: Layout) -> dict[str, list[str]]:
    """Title → tasks, each once: a title a category, or a section where all have one task."""
    groups: dict[str, list[str]] = {}
    shown: set[str] = set()
    for section in layout.sections:
        several = any(len(layout.leaves(column.tasks)) > 1 for column in section.columns)
        for column in section.columns:
            title = f"{section.title}: {column.label}" if several else section.title
            tasks = [task for task in layout.leaves(column.tasks) if task not in shown]
            shown.update(tasks)
            if tasks:
                groups.setdefault(title, []).extend(tasks)
    return groups


def _line(task: str, data: PageData, *, linked: bool) -> HeatLine:
    scores = [task_score(task, row.plan.records, {}) for row in data.rows]
    known = [score.value for score in scores if score.value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    return HeatLine(
        task=task,
        link=f"#s/{quote(task, safe='')}" if linked else "",
        cells=[_cell(score, low, high) for score in scores],
    )


def _cell(score: DisplayScore, low: float, high: float) -> HeatCell:
    text = Cell(status=score.status, value=score.value).shown(1)
    if score.value is None:
        return HeatCell(text=text, classes=score.status)
    # Without a percent scale there is no place between 0 and 100.
    absolute = (
        round(LEVELS * min(1.0, max(0.0, score.value / 100)))
        if score.metric.unit == "fraction"
        else 0
    )
    within = round(LEVELS * (score.value - low) / (high - low)) if high > low else LEVELS // 2
    return HeatCell(text=text, classes=f"h{absolute} r{within}")
