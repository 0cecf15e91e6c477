"""Checkpoint × task as a table with coloured cells."""

from __future__ import annotations

from urllib.parse import quote

from evalsuite.report.page.collect import PageData
from evalsuite.report.page.svg import figure, scrolled
from evalsuite.report.page.text import esc
from evalsuite.results.layout import Layout
from evalsuite.results.means import DisplayScore, task_score
from evalsuite.results.tables.model import Cell

LEVELS = 10
"""Steps of colour above none; without inline styles, each is a class."""
_TITLE = "All tasks"


def heat_html(data: PageData) -> str:
    """The figure: a line a task, under its category; names lead to the task's samples."""
    with_samples = {samples.task for samples in data.samples}
    span = len(data.rows) + 1
    bodies = [
        f'<tbody><tr class="group"><th colspan="{span}" scope="rowgroup">{esc(title)}</th></tr>'
        + "".join(_line(task, data, linked=task in with_samples) for task in tasks)
        + "</tbody>"
        for title, tasks in _groups(data.layout).items()
    ]
    heads = "".join(f'<th scope="col">{esc(row.label)}</th>' for row in data.rows)
    table = (
        '<table class="heat" data-scale="absolute"><thead><tr><th scope="col">Task</th>'
        f"{heads}</tr></thead>{''.join(bodies)}</table>"
    )
    choice = (
        '<fieldset class="tools"><legend>Colour</legend>'
        '<label><input type="radio" name="heat" value="absolute" checked> by score, 0 to 100'
        '</label> <label><input type="radio" name="heat" value="task"> within each task, '
        "lowest to highest</label></fieldset>"
    )
    about = "Scores × 100. An empty cell with a dash was not evaluated."
    return figure("heat", _TITLE, choice + scrolled(_TITLE, table, "scroll tall"), about)


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


def _line(task: str, data: PageData, *, linked: bool) -> str:
    scores = [task_score(task, row.plan.records, {}) for row in data.rows]
    known = [score.value for score in scores if score.value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    name = f'<a href="#s/{quote(task, safe="")}">{esc(task)}</a>' if linked else esc(task)
    cells = "".join(_cell(score, low, high) for score in scores)
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _cell(score: DisplayScore, low: float, high: float) -> str:
    text = esc(Cell(status=score.status, value=score.value).shown(1))
    if score.value is None:
        return f'<td class="{score.status}">{text}</td>'
    # Without a percent scale there is no place between 0 and 100.
    absolute = round(LEVELS * min(1.0, max(0.0, score.value / 100))) if score.percent else 0
    within = round(LEVELS * (score.value - low) / (high - low)) if high > low else LEVELS // 2
    return f'<td class="h{absolute} r{within}">{text}</td>'
