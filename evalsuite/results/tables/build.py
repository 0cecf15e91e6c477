"""From records to a table: pure, and strict about what may share a row, a column or a mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from evalsuite.kinds.reports import rows_maker, table_maker
from evalsuite.layouts import Convention, LayoutName
from evalsuite.registry.suites import Suite
from evalsuite.results.columns import ColumnPlan, Layout, SectionPlan
from evalsuite.results.in_domain.matching import in_domain_tasks, without_tasks
from evalsuite.results.means import DisplayScore
from evalsuite.results.published import PublishedTable
from evalsuite.results.rows import RowPlan
from evalsuite.results.scores import Scores
from evalsuite.results.signatures import stated_versions
from evalsuite.results.tables.empty_sections import without_empty_sections
from evalsuite.results.tables.layouts import LAYOUTS
from evalsuite.results.tables.model import AVERAGE, Cell, Head, Note, Row, Table, TableSection
from evalsuite.results.tables.notes import (
    Marks,
    convention_note,
    incomplete_note,
    legend_note,
    metric_note,
    no_answer_notes,
    published_notes,
    rank_note,
    signature_notes,
    warning_notes,
)
from evalsuite.results.tables.ranked_rows import ranked
from evalsuite.results.tables.unranked_rows import (
    TableMarks,
    UnrankedCell,
    UnrankedRow,
    measured_row,
    published_rows,
)
from evalsuite.results.view import View
from evalsuite.schema import Record, Signature
from evalsuite.text import listed, plain

DEFAULT_VIEW = View()


def build_table(
    records: Iterable[Record],
    suite: Suite | None = None,
    *,
    categories: Mapping[str, str | None] | None = None,
    decimals: int = 1,
    view: View = DEFAULT_VIEW,
) -> Table:
    """Make a table of a suite's scores; without a suite, of all tasks found.

    A cell or an average is empty unless all its tasks are scored. Records of one checkpoint
    under different protocols get rows of their own. Best and second are not marked in columns
    whose rows were scored on different data or definitions, nor where it is not known which scores
    are better.

    Args:
        records: What the store holds; those of other tasks than the table's are left out.
        suite: Columns, averages and subtask means.
        categories: Task → category, from the registry. Without it, the category of a task
            comes from its records, and a category column stays empty while any task of the
            suite has none.
        decimals: Decimals shown; scores that look the same tie.
        view: Which of the columns, in which convention, and beside which published rows.
    """
    scores = Scores.of(records, suite, categories or {})
    name = view.layout or (suite.layout if suite else None)
    if suite is not None and (make_table := table_maker(name)):
        return make_table(scores.records, suite)
    arrangement = LAYOUTS[name] if name else None
    stored = scores.settled(arrangement.columns if arrangement else None)
    convention = view.convention_for(suite)
    plans, notes = _rows(stored.under(convention), name)
    layout = stored.layout
    if view.published is None:
        layout, empty = without_empty_sections(layout, plans)
        notes = [*notes, *empty]
    title = suite.name if suite else "All tasks"
    if view.without_in_domain:
        title = f"{title}, without in-domain tasks"
        layout, left_out = leaving_out(layout, plans)
        notes = [*notes, left_out]
    if view.published:
        plans = sorted(plans, key=lambda plan: not plan.imported)
    table = _table(
        plain(f"{title}, {arrangement.title}" if arrangement else title),
        layout,
        plans,
        [*notes, *convention_note(stored.records, convention, always=view.published is not None)],
        decimals,
        convention,
        view.published,
    )
    if arrangement and arrangement.row_per_dataset:
        return transposed(table, layout)
    return table


def leaving_out(layout: Layout, plans: Sequence[RowPlan]) -> tuple[Layout, Note]:
    """The layout without the tasks that any row's checkpoint was trained on, and a note on them."""
    tasks = in_domain_tasks(record for plan in plans for record in plan.records.values())
    found = [task for task in layout.scored_tasks if task in tasks]
    if not found:
        return layout, Note(text="in-domain tasks: none is declared for these checkpoints")
    text = f"averages leave out what any of the checkpoints was trained on: {', '.join(found)}"
    return without_tasks(layout, tasks), Note(text=text)


def _rows(scores: Scores, name: LayoutName | None) -> tuple[list[RowPlan], list[Note]]:
    """The rows of a layout, and notes about how they differ."""
    if make_rows := rows_maker(name):
        return make_rows(scores.records, scores.layout.means)
    return scores.rows, []


def _table(
    title: str,
    layout: Layout,
    plans: Sequence[RowPlan],
    shown: Sequence[Note],
    decimals: int,
    convention: Convention,
    published: PublishedTable | None,
) -> Table:
    marks = TableMarks()
    sections = tuple(
        _section(section, layout, plans, marks, published=published is not None)
        for section in layout.sections
    )
    heads = [head for section in sections for head in section.columns]
    above = published_rows(published, layout, marks, convention) if published else []
    own = [
        measured_row(plan, layout, marks, convention, grouped=published is not None)
        for plan in plans
    ]
    lines = [*above, *ranked(own, plans, layout)]
    ranks = [
        _ranks([line.cells[index] for line in lines], decimals, comparable=not head.mark)
        for index, head in enumerate(heads)
    ]
    rows = tuple(
        _row(line, heads, [ranks[column][index] for column in range(len(heads))])
        for index, line in enumerate(lines)
    )
    names = [f"{line.name} ({line.mark})" if line.mark else line.name for line in own]
    notes = [
        *shown,
        *(note for given in (marks.rows, marks.cells, marks.columns) for note in given.notes),
        *(published_notes(published) if published else []),
        *_unknown_note(layout),
        *incomplete_note(_incomplete(names, heads, own)),
        *no_answer_notes(rows, [head.label for head in heads]),
        *warning_notes(plans),
        *signature_notes(plans, names, layout.scored_tasks),
        *metric_note(layout, plans),
        *rank_note(layout, len(own)),
        *legend_note(rows, layout, _not_percent(heads, lines)),
    ]
    return Table(
        title=title,
        sections=sections,
        rows=rows,
        notes=tuple(replace(note, text=plain(note.text)) for note in notes),
        decimals=decimals,
    )


def transposed(table: Table, layout: Layout) -> Table:
    """One line a task, one column a checkpoint; the groups of rows become sections.

    Args:
        table: A table with one column for each task.
        layout: Its columns.
    """
    section, *_ = [*table.sections, None]
    groups = [column.group for s in layout.sections for column in s.columns]
    rows = tuple(
        Row(
            name="Average" if head.average else head.label,
            fingerprint="",
            mark=head.mark,
            cells=tuple(row.cells[index] for row in table.rows),
            group=f"all {len(groups)}" if head.average else groups[index],
        )
        for index, head in enumerate(table.heads)
    )
    sections = tuple(
        TableSection(
            world=section.world if section else "embedding",
            title=title or "Checkpoints",
            columns=tuple(Head(label=row.name, mark=row.mark) for row in members),
        )
        for title, members in table.groups
    )
    return replace(table, sections=sections, rows=rows, corner="Data set", checkpoints_across=True)


def _section(
    plan: SectionPlan,
    layout: Layout,
    rows: Sequence[RowPlan],
    marks: TableMarks,
    *,
    published: bool,
) -> TableSection:
    heads = [
        Head(
            label=plain(column.label),
            mark=_column_mark(column, layout, rows, marks.columns, published=published),
            average=column.average,
        )
        for column in plan.columns
    ]
    if plan.average:
        inherited = dict.fromkeys(mark for head in heads for mark in head.mark.split(",") if mark)
        heads.append(Head(label=AVERAGE, average=True, mark=",".join(inherited)))
    return TableSection(world=plan.world, title=plain(plan.title), columns=tuple(heads))


def _column_mark(
    column: ColumnPlan, layout: Layout, rows: Sequence[RowPlan], marks: Marks, *, published: bool
) -> str:
    """Marks of a column in which rows cannot be compared, and why."""
    found: dict[str, None] = {}
    for task in layout.leaves(column.tasks):
        records = [
            record for row in rows if (record := row.records.get(task)) and record.score is not None
        ]
        # A result file of others says neither how its task is defined nor what was read.
        own = [record.signature for record in records if record.origin is None]
        limits = {
            (s.limit, s.split, s.splits, s.subsets)
            for s in (record.signature for record in records)
        }
        if len({s.data for s in own if s.data}) > 1:
            found[marks.mark("rows differ in data", task)] = None
        if len(limits) > 1:
            found[marks.mark("rows differ in limit, split or subsets", task)] = None
        elif published and any(limit is not None for limit, *_ in limits):
            found[marks.mark("rows differ in limit: published ones have none", task)] = None
        if len({(s.task_hash, s.shots, s.fewshot_seed) for s in own}) > 1:
            found[marks.mark("rows differ in the task's definition or shots", task)] = None
        if len({v for r in records if r.origin for v in stated_versions(r.signature)}) > 1:
            found[marks.mark("rows differ in the version of the task", task)] = None
        if len({_libraries(s) for s in own} - {frozenset()}) > 1 and _one_engine(own):
            found[marks.mark("rows differ in the versions of libraries", task)] = None
        judges = {s.judge for s in own}
        if len(judges) > 1:
            found[marks.mark("rows differ in judge", task)] = None
        elif published and any(judges):
            found[marks.mark("rows differ in judge: the published ones have the paper's", task)] = (
                None
            )
    return ",".join(found)


def _libraries(signature: Signature) -> frozenset[str]:
    """Libraries with their versions; empty for records from before they were kept."""
    return frozenset((signature.libraries or "").split(", ")) - {""}


def _one_engine(signatures: Sequence[Signature]) -> bool:
    """Whether libraries differ by their versions, not because each engine has its own."""
    return len({signature.engine for signature in signatures}) == 1


def _ranks(cells: Sequence[UnrankedCell], decimals: int, *, comparable: bool) -> list[int | None]:
    """0 for the best, 1 for the second and so on, by what is shown."""
    shown = [
        None if cell.score.value is None or not cell.ranked else round(cell.score.value, decimals)
        for cell in cells
    ]
    values = [value for value in shown if value is not None]
    signs = {cell.score.metric.sign for cell in cells if cell.score.value is not None}
    if len(values) < 2 or not comparable or signs not in ({1}, {-1}):
        return [None] * len(shown)
    order = sorted(set(values), reverse=signs == {1})
    return [None if value is None else order.index(value) for value in shown]


def _row(line: UnrankedRow, heads: Sequence[Head], ranks: Sequence[int | None]) -> Row:
    return Row(
        name=line.name,
        fingerprint=line.fingerprint,
        mark=line.mark,
        cells=tuple(map(_cell, line.cells, heads, ranks)),
        protocol=line.protocol,
        group=line.group,
    )


def _cell(cell: UnrankedCell, head: Head, rank: int | None) -> Cell:
    score = cell.score
    # What failed stands in its own column; an average either exists or does not.
    empty_average = head.average and score.value is None
    return Cell(
        status="missing" if empty_average else score.status,
        value=score.value,
        stderr=score.stderr,
        text=cell.text,
        score=score,
        mark=cell.mark,
        best=rank == 0,
        second=rank == 1,
        no_answer=cell.no_answer,
        suspect=cell.suspect,
    )


def _incomplete(
    names: Sequence[str], heads: Sequence[Head], lines: Sequence[UnrankedRow]
) -> list[tuple[str, str, DisplayScore]]:
    return [
        (name, head.label, cell.score)
        for name, line in zip(names, lines, strict=True)
        for head, cell in zip(heads, line.cells, strict=True)
        if cell.score.status == "missing" and not head.average
    ]


def _not_percent(heads: Sequence[Head], lines: Sequence[UnrankedRow]) -> list[str]:
    return [
        head.label
        for index, head in enumerate(heads)
        if any(line.cells[index].score.metric.unit != "fraction" for line in lines)
    ]


def _unknown_note(layout: Layout) -> list[Note]:
    if not layout.unknown:
        return []
    text = f"category not known, so category columns are empty: {listed(layout.unknown)}"
    return [Note(text=text)]
