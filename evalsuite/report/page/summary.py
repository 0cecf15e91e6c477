"""What was evaluated, in a few numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from evalsuite.report.page.collect import PageData, PageRow
from evalsuite.report.page.svg import scrolled
from evalsuite.report.page.text import cut, esc
from evalsuite.results.suspicions import said
from evalsuite.results.tables.model import Cell
from evalsuite.schema import Record
from evalsuite.text import plain

KINDS = ("scored", "failed", "skipped", "missing")
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a row's tasks ended how."""

    scored: int
    failed: int
    skipped: int
    missing: int


def counts(row: PageRow) -> Counts:
    """Count a row's tasks; each is in exactly one of the four."""
    found = Counter(
        record.status if (record := row.record(task)) else "missing" for task in row.tasks
    )
    return Counts(*(found[kind] for kind in KINDS))


def summary_html(data: PageData) -> str:
    """The section's content."""
    by_row = [counts(row) for row in data.rows]
    total = {kind: sum(getattr(found, kind) for found in by_row) for kind in KINDS}
    tiles = "".join(
        f'<div class="{kind if number else "zero"}"><dt>{kind}</dt><dd>{number:,}</dd></div>'
        for kind, number in total.items()
    )
    description = f"<p>{esc(data.suite.description)}</p>" if data.suite else ""
    return f"""\
{description}
<dl class="tiles">
<div><dt>checkpoints</dt><dd>{len({row.plan.fingerprint for row in data.rows})}</dd></div>
<div><dt>tasks</dt><dd>{len(data.tasks)}</dd></div>
{tiles}
</dl>
{_averages(data, by_row)}
{_problems(data)}
{_suspect(data)}
{_warnings(data)}"""


def _averages(data: PageData, by_row: list[Counts]) -> str:
    places = [index for index, head in enumerate(data.table.heads) if head.average]
    titles = [s.title for s in data.table.sections for h in s.columns if h.average]
    heads = "".join(f'<th scope="col">{esc(title)} average</th>' for title in titles)
    heads += "".join(f'<th scope="col">{kind}</th>' for kind in KINDS)
    rows = "".join(
        f'<tr><th scope="row">{esc(row.label)}</th>'
        + "".join(_average(line.cells[place], data.table.decimals) for place in places)
        + "".join(f"<td>{getattr(found, kind) or '·'}</td>" for kind in KINDS)
        + "</tr>"
        for row, line, found in zip(data.rows, data.table.rows, by_row, strict=True)
    )
    table = (
        f'<table><thead><tr><th scope="col">Checkpoint</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return scrolled("Averages and counts", table)


def _average(cell: Cell, decimals: int) -> str:
    return f'<td class="avg {cell.status}">{esc(cell.shown(decimals, stderr=True))}</td>'


def _problems(data: PageData) -> str:
    """Failed and skipped tasks with their reasons, each reason once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in data.rows:
        for task in row.tasks:
            record = row.record(task)
            if record is not None and record.status != "scored":
                reason = plain(record.reason or "", _LONGEST_REASON)
                found.setdefault((row.label, record.status, reason), []).append(task)
    lines = "".join(
        f'<li class="{status}"><b><bdi>{esc(label)}</bdi></b>: {len(tasks)} {status}: '
        f"{esc(reason)} <small>({esc(', '.join(tasks))})</small></li>"
        for (label, status, reason), tasks in found.items()
    )
    gaps = {
        row.label: [task for task in row.tasks if row.record(task) is None] for row in data.rows
    }
    lines += "".join(
        f"<li><b><bdi>{esc(label)}</bdi></b>: {len(tasks)} missing "
        f"<small>({esc(', '.join(tasks))})</small></li>"
        for label, tasks in gaps.items()
        if tasks
    )
    number = sum(len(tasks) for tasks in found.values()) + sum(map(len, gaps.values()))
    return _folded("Failed, skipped and missing", lines, number)


def _suspect(data: PageData) -> str:
    """Scores that must not be trusted without a look, each reason once."""
    found: dict[str, list[str]] = {}
    for row in data.rows:
        for task, record in row.plan.records.items():
            for suspicion in record.suspicions:
                found.setdefault(said(suspicion), []).append(_where(row, task, record))
    lines = "".join(
        f'<li class="failed">{esc(cut(text, 600))} <small>({esc(", ".join(where))})</small></li>'
        for text, where in found.items()
    )
    return _folded("Suspect scores", lines, sum(map(len, found.values())))


def _warnings(data: PageData) -> str:
    found: dict[str, list[str]] = {}
    for row in data.rows:
        for task, record in row.plan.records.items():
            for warning in record.warnings:
                found.setdefault(warning, []).append(_where(row, task, record))
    lines = "".join(
        f"<li>{esc(cut(warning, 600))} <small>({esc(', '.join(where))})</small></li>"
        for warning, where in found.items()
    )
    return _folded("Warnings", lines, len(found))


def _where(row: PageRow, task: str, record: Record) -> str:
    return f"{row.label}: {task}" if record.status == "scored" else f"{row.label}: {task}, no score"


def _folded(title: str, lines: str, number: int) -> str:
    if not number:
        return ""
    return f'<details class="list"><summary>{title} ({number})</summary><ul>{lines}</ul></details>'
