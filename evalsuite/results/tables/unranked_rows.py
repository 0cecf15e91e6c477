"""The rows of a table before best and second are known: measured, imported and published ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from evalsuite.layouts import Convention
from evalsuite.results.column_scores import column_score
from evalsuite.results.columns import WORLDS, ColumnPlan, Layout
from evalsuite.results.conventions import substitution
from evalsuite.results.in_domain.matching import in_domain
from evalsuite.results.means import DisplayScore, mean, task_score
from evalsuite.results.published import PublishedRow, PublishedTable
from evalsuite.results.rows import RowPlan
from evalsuite.results.signatures import differences
from evalsuite.results.tables.model import NO_ANSWER
from evalsuite.results.tables.notes import Marks, letter, number, parts_of, row_protocol, symbol
from evalsuite.schema import Record, SuspicionCode, World
from evalsuite.suspicions import codes, said
from evalsuite.text import listed, plain

LONGEST_REASON = 160
"""Characters of a reason shown under a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMarks:
    """The marks given out so far, for rows, cells and columns."""

    rows: Marks = field(default_factory=lambda: Marks(letter))
    cells: Marks = field(default_factory=lambda: Marks(number))
    columns: Marks = field(default_factory=lambda: Marks(symbol))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrankedCell:
    """One score of a row."""

    score: DisplayScore
    mark: str = ""
    ranked: bool = True
    """Whether it takes part in best and second."""
    text: str = ""
    """Shown in the place of the score's value."""
    no_answer: dict[str, float] = field(default_factory=dict)
    suspect: tuple[SuspicionCode, ...] = ()
    """Why it must not be trusted without a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrankedRow:
    """A row whose scores are not ranked yet; one cell for each column, averages included."""

    name: str
    cells: tuple[UnrankedCell, ...]
    fingerprint: str = ""
    mark: str = ""
    group: str = ""
    protocol: dict[World, str] = field(default_factory=dict)


def measured_row(
    plan: RowPlan, layout: Layout, marks: TableMarks, convention: Convention, *, grouped: bool
) -> UnrankedRow:
    """The row of a checkpoint's records.

    Args:
        plan: The records.
        layout: The columns.
        marks: Where marks come from.
        convention: Under which the records were chosen.
        grouped: Whether rows get the title of a group.
    """

    def cell(score: DisplayScore, column: ColumnPlan) -> UnrankedCell:
        tasks = layout.leaves(column.tasks, plan.records)
        records = [plan.records[task] for task in tasks if task in plan.records]
        suspect = codes(records)
        return UnrankedCell(
            score=score,
            mark=_cell_mark(score, records, plan, marks, convention),
            ranked=not suspect,
            no_answer=no_answer_shares([record for record in records if record.score is not None]),
            suspect=suspect,
        )

    cells: list[UnrankedCell] = []
    for section in layout.sections:
        columns = [column_score(column, plan, layout.means) for column in section.columns]
        cells.extend(
            _average(score, column.tasks, layout, plan, marks)
            if column.average or column.ranks
            else cell(score, column)
            for score, column in zip(columns, section.columns, strict=True)
        )
        if section.average:
            tasks = [task_score(task, plan.records, layout.means) for task in section.tasks]
            of = columns if section.average == "columns" else tasks
            cells.append(
                _average(mean(of, complete=section.complete), section.tasks, layout, plan, marks)
            )
    notes = [text for text in (plan.difference, _origins(plan)) if text]
    return UnrankedRow(
        name=plain(plan.name),
        fingerprint=plan.fingerprint,
        mark=",".join(marks.rows.mark(plain(text)) for text in notes),
        cells=tuple(cells),
        protocol=row_protocol(plan),
        group=("Imported" if plan.imported else "Measured") if grouped else "",
    )


def _average(
    score: DisplayScore, tasks: Iterable[str], layout: Layout, plan: RowPlan, marks: TableMarks
) -> UnrankedCell:
    """An average is as suspect as what it is the mean of."""
    found = [
        plan.records[task]
        for task in layout.leaves(tasks, plan.records)
        if score.value is not None and task in plan.records
    ]
    suspect = codes(found)
    return UnrankedCell(
        score=score,
        mark=",".join(suspect_marks(found, marks.cells)),
        ranked=not suspect,
        suspect=suspect,
    )


def no_answer_shares(records: Sequence[Record]) -> dict[str, float]:
    """Shares over all samples of some records; records that do not know a share are left out.

    Shares are weighted by the number of samples where all records know theirs.
    """
    found: dict[str, float] = {}
    for name in NO_ANSWER:
        known = [record for record in records if name in record.metrics]
        if known:
            counts = [record.n for record in known if record.n]
            weights = counts if len(counts) == len(known) else [1] * len(known)
            total = math.fsum(
                weight * record.metrics[name] for weight, record in zip(weights, known, strict=True)
            )
            found[name] = total / math.fsum(weights)
    return found


def suspect_marks(records: Iterable[Record], marks: Marks) -> list[str]:
    """The marks of what is suspected of some scores."""
    return list(
        dict.fromkeys(
            marks.mark(f"suspect: {plain(said(one))}", record.signature.task)
            for record in records
            if record.score is not None
            for one in record.suspicions
        )
    )


def published_rows(
    table: PublishedTable, layout: Layout, marks: TableMarks, convention: Convention
) -> list[UnrankedRow]:
    """The rows of a published table, in its order."""
    return [_published_row(row, table, layout, marks, convention) for row in table.rows]


def _published_row(
    row: PublishedRow,
    table: PublishedTable,
    layout: Layout,
    marks: TableMarks,
    convention: Convention,
) -> UnrankedRow:
    about = _published_marks(row, table, marks, convention)
    cells: list[UnrankedCell] = []
    unranked: dict[str, None] = {}
    for section in layout.sections:
        for column in section.columns:
            mark, ranked = about(column.key)
            unranked.update({} if ranked else {mark: None})
            score = _printed(row.scores.get(column.key))
            cells.append(UnrankedCell(score=score, mark=mark, ranked=ranked))
        if section.average:
            # An average over a figure that cannot be compared cannot be compared either.
            cells.append(
                UnrankedCell(
                    score=_printed(row.average), mark=",".join(unranked), ranked=not unranked
                )
            )
    row_marks = [marks.rows.mark(n.text) for n in table.head.row_notes if row.name in n.rows]
    return UnrankedRow(
        name=plain(row.name),
        mark=",".join(row_marks),
        cells=tuple(cells),
        group=f"Published ({plain(table.head.title)})",
    )


def _published_marks(
    row: PublishedRow, table: PublishedTable, marks: TableMarks, convention: Convention
) -> Callable[[str], tuple[str, bool]]:
    """For a column: its marks in this row, and whether its figure is ranked."""
    other = table.head.other_convention

    def about(column: str) -> tuple[str, bool]:
        notes = [n for n in table.head.cell_notes if n.column == column and row.name in n.rows]
        found = [marks.cells.mark(note.text) for note in notes]
        ranked = all(note.ranked for note in notes)
        if convention == "leaderboard" and other and column in other.columns:
            found.append(marks.cells.mark(f"not ranked: {other.text}"))
            ranked = False
        return ",".join(found), ranked

    return about


def _printed(value: float | None) -> DisplayScore:
    return (
        DisplayScore(status="missing")
        if value is None
        else DisplayScore(status="scored", value=value)
    )


def _cell_mark(
    score: DisplayScore,
    records: Sequence[Record],
    row: RowPlan,
    marks: TableMarks,
    convention: Convention,
) -> str:
    found: dict[str, None] = {}

    def note(text: str, task: str) -> None:
        found[marks.cells.mark(text, task)] = None

    for record in score.unscored:
        reason = plain(record.reason or "", LONGEST_REASON)
        note(f"{record.status}: {reason}", record.signature.task)
    found.update(dict.fromkeys(suspect_marks(records, marks.cells)))
    for record in records:
        task = record.signature.task
        if record.score is not None and (source := in_domain(record)):
            note(f"in-domain: trained on this data, says {source}", task)
        if instead := substitution(record, convention):
            note(plain(instead, LONGEST_REASON), task)
        if task in row.stand_ins:
            note("merged value as its file has it, since files of its parts are missing", task)
        if task in row.older:
            same_task = [parts_of(one) for one in (record, *row.older[task])]
            newest, *older = differences(same_task)
            note(f"newest of {len(same_task)} records: {newest} (older: {listed(older)})", task)
    return ",".join(found)


def _origins(row: RowPlan) -> str:
    """Where the scores of a row come from, if not all from one version of each harness, run here.

    The version of a shipped task file (``lm-eval 0.4.13+mmlu-cc379815``) does not count.
    """
    scored = [record for record in row.records.values() if record.score is not None]
    imported = [record for record in scored if record.origin]
    versions = {
        world: Counter(
            r.signature.harness.partition("+")[0] for r in scored if r.signature.world == world
        )
        for world in WORLDS
    }
    several = (len({name.partition(" ")[0] for name in v}) < len(v) for v in versions.values())
    measured = 0 < len(imported) < len(scored)
    mixed = any(several) or measured
    if not imported and not mixed:
        return ""
    counts = [f"{name} ({n})" for found in versions.values() for name, n in found.items()]
    texts = [f"mixed origins: {listed(counts, 6)}" if mixed else listed(counts, 6)]
    if imported:
        models = dict.fromkeys(map(_model, imported))
        here = "" if len(imported) == len(scored) else f"{len(imported)} of {len(scored)} scores "
        texts.insert(0, f"{here}imported from result files of {listed(list(models))}")
    return "; ".join(texts)


def _model(record: Record) -> str:
    revision = (record.origin and record.origin.revision) or "not stated"
    return f"{record.checkpoint.source}, revision {revision}"
