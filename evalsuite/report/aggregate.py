"""From records to a table: pure, and strict about what may share a row, a column or a mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalsuite.registry.models import Suite
from evalsuite.report.layout import ColumnPlan, Layout, SectionPlan, plan_layout
from evalsuite.report.marks import Marks, letter, number, symbol
from evalsuite.report.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.report.notes import (
    incomplete_note,
    legend_note,
    metric_note,
    parts_of,
    row_protocol,
    signature_notes,
)
from evalsuite.report.rows import RowPlan, plan_rows
from evalsuite.report.scores import Score, mean, task_score
from evalsuite.report.signatures import differences
from evalsuite.report.text import listed, plain
from evalsuite.schema import Record

LONGEST_REASON = 160
"""Characters of a reason shown under a table."""


def build_table(
    records: Iterable[Record],
    suite: Suite | None = None,
    *,
    categories: Mapping[str, str | None] | None = None,
    decimals: int = 1,
) -> Table:
    """Make a table of a suite's scores; without a suite, of all tasks found.

    A cell or an average is empty unless all its tasks are scored. Records of one checkpoint
    under different protocols get rows of their own. Best and second are not marked in columns
    whose rows were scored on different data or definitions, nor where the unit is not percent
    (it is not known there which direction is better).

    Args:
        records: What the store holds; those of other tasks than the table's are left out.
        suite: Columns, averages and subtask means.
        categories: Task → category, from the registry. Without it, the category of a task
            comes from its records, and a category column stays empty while any task of the
            suite has none.
        decimals: Decimals shown; scores that look the same tie.
    """
    kept = [r for r in records if suite is None or r.signature.task in _suite_tasks(suite)]
    layout = plan_layout(kept, suite, categories or {})
    shown = set(layout.scored_tasks)
    rows = plan_rows(record for record in kept if record.signature.task in shown)
    return _table(plain(suite.name if suite else "All tasks"), layout, rows, decimals)


def _suite_tasks(suite: Suite) -> set[str]:
    return {*suite.tasks, *(task for mean_ in suite.subtask_means for task in mean_.mean_of)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """The marks given out so far, for rows, cells and columns."""

    rows: Marks
    cells: Marks
    columns: Marks


def _table(title: str, layout: Layout, plans: Sequence[RowPlan], decimals: int) -> Table:
    marks = _Marks(rows=Marks(letter), cells=Marks(number), columns=Marks(symbol))
    sections = tuple(_section(section, layout, plans, marks) for section in layout.sections)
    heads = [head for section in sections for head in section.columns]
    scores = [_row_scores(row, layout) for row in plans]
    ranks = [
        _ranks([row[index] for row in scores], decimals, comparable=not head.mark)
        for index, head in enumerate(heads)
    ]
    rows = tuple(
        Row(
            name=plain(plan.name),
            fingerprint=plan.fingerprint,
            mark=marks.rows.mark(plan.difference) if plan.difference else "",
            cells=tuple(
                replace(
                    _cell(scores[index][column], ranks[column][index]),
                    mark=_cell_mark(scores[index][column], tasks, plan, marks),
                )
                if tasks is not None
                else _average_cell(scores[index][column], ranks[column][index])
                for column, tasks in enumerate(_column_tasks(layout))
            ),
            protocol=row_protocol(plan),
        )
        for index, plan in enumerate(plans)
    )
    names = [f"{row.name} ({row.mark})" if row.mark else row.name for row in rows]
    notes = [
        *(note for given in (marks.rows, marks.cells, marks.columns) for note in given.notes),
        *_unknown_note(layout),
        *incomplete_note(_incomplete(names, heads, scores)),
        *signature_notes(plans, names, layout.scored_tasks),
        *metric_note(layout, plans),
        *legend_note(rows, layout, _not_percent(heads, scores)),
    ]
    return Table(
        title=title,
        sections=sections,
        rows=rows,
        notes=tuple(replace(note, text=plain(note.text)) for note in notes),
        decimals=decimals,
    )


def _section(
    plan: SectionPlan, layout: Layout, rows: Sequence[RowPlan], marks: _Marks
) -> TableSection:
    heads = [
        Head(label=plain(column.label), mark=_column_mark(column, layout, rows, marks.columns))
        for column in plan.columns
    ]
    if plan.average:
        inherited = dict.fromkeys(mark for head in heads for mark in head.mark.split(",") if mark)
        heads.append(Head(label="Avg", average=True, mark=",".join(inherited)))
    return TableSection(world=plan.world, title=plain(plan.title), columns=tuple(heads))


def _column_mark(column: ColumnPlan, layout: Layout, rows: Sequence[RowPlan], marks: Marks) -> str:
    """Marks of a column in which rows cannot be compared, and why."""
    found: dict[str, None] = {}
    for task in layout.leaves(column.tasks):
        signatures = [
            record.signature
            for row in rows
            if (record := row.records.get(task)) and record.score is not None
        ]
        if len({s.data for s in signatures if s.data}) > 1:
            found[marks.mark("rows differ in data", task)] = None
        if len({(s.limit, s.split) for s in signatures}) > 1:
            found[marks.mark("rows differ in limit or split", task)] = None
        if len({(s.task_hash, s.shots) for s in signatures}) > 1:
            found[marks.mark("rows differ in the task's definition or shots", task)] = None
    return ",".join(found)


def _row_scores(row: RowPlan, layout: Layout) -> list[Score]:
    """One score a column, averages included, from left to right."""
    scores: list[Score] = []
    for section in layout.sections:
        tasks = {task: task_score(task, row.records, layout.means) for task in section.tasks}
        columns = [
            mean([tasks[task] for task in column.tasks], complete=column.complete)
            for column in section.columns
        ]
        scores.extend(columns)
        if section.average:
            of = columns if section.average == "columns" else list(tasks.values())
            scores.append(mean(of, complete=section.complete))
    return scores


def _column_tasks(layout: Layout) -> list[tuple[str, ...] | None]:
    """Tasks of each column (subtasks instead of their mean); ``None`` for an average."""
    found: list[tuple[str, ...] | None] = []
    for section in layout.sections:
        found.extend(layout.leaves(column.tasks) for column in section.columns)
        if section.average:
            found.append(None)
    return found


def _ranks(scores: Sequence[Score], decimals: int, *, comparable: bool) -> list[int | None]:
    """0 for the best, 1 for the second and so on, by what is shown."""
    shown = [None if s.value is None else round(s.value, decimals) for s in scores]
    values = [value for value in shown if value is not None]
    percent = all(score.percent for score in scores if score.value is not None)
    if len(values) < 2 or not comparable or not percent:
        return [None] * len(shown)
    order = sorted(set(values), reverse=True)
    return [None if value is None else order.index(value) for value in shown]


def _cell(score: Score, rank: int | None) -> Cell:
    return Cell(
        status=score.status,
        value=score.value,
        stderr=score.stderr,
        best=rank == 0,
        second=rank == 1,
    )


def _average_cell(score: Score, rank: int | None) -> Cell:
    # What failed stands in its own column; an average either exists or does not.
    cell = _cell(score, rank)
    return cell if cell.value is not None else replace(cell, status="missing")


def _cell_mark(score: Score, tasks: Sequence[str], row: RowPlan, marks: _Marks) -> str:
    found: dict[str, None] = {}
    for record in score.unscored:
        reason = plain(record.reason or "", LONGEST_REASON)
        found[marks.cells.mark(f"{record.status}: {reason}", record.signature.task)] = None
    for task in tasks:
        if task in row.older:
            same_task = [parts_of(record) for record in (row.records[task], *row.older[task])]
            newest, *older = differences(same_task)
            text = f"newest of {len(same_task)} records: {newest} (older: {listed(older)})"
            found[marks.cells.mark(text, task)] = None
    return ",".join(found)


def _incomplete(
    names: Sequence[str], heads: Sequence[Head], scores: Sequence[Sequence[Score]]
) -> list[tuple[str, str, Score]]:
    return [
        (name, head.label, score)
        for name, row_scores in zip(names, scores, strict=True)
        for head, score in zip(heads, row_scores, strict=True)
        if score.status == "missing" and not head.average
    ]


def _not_percent(heads: Sequence[Head], scores: Sequence[Sequence[Score]]) -> list[str]:
    return [
        head.label
        for index, head in enumerate(heads)
        if any(not row[index].percent for row in scores)
    ]


def _unknown_note(layout: Layout) -> list[Note]:
    if not layout.unknown:
        return []
    text = f"category not known, so category columns are empty: {listed(layout.unknown)}"
    return [Note(text=text)]
