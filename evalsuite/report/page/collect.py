"""What a page shows, gathered from records: no HTML yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evalsuite.data import SampleTable
from evalsuite.registry.suites import Suite
from evalsuite.report.page.samples import TaskSamples, choose_samples
from evalsuite.results.columns import Layout
from evalsuite.results.rows import RowPlan
from evalsuite.results.scores import Scores
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Table
from evalsuite.results.view import View
from evalsuite.schema import CheckpointRef, Record
from evalsuite.text import plain

if TYPE_CHECKING:
    from evalsuite.results.compare.suite import SuiteComparison
    from evalsuite.results.sampled import Sampled

LoadSamples = Callable[[Record], SampleTable | None]
"""Reads a record's samples."""

MOST_COMPARED = 6
"""Rows up to which the first one is compared with the others without being asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A checkpoint under one protocol, in the order of the table."""

    label: str
    """Unlike any other row's."""
    plan: RowPlan
    tasks: tuple[str, ...]
    """The tasks that count for this row: subtasks, or a mean that has its own record."""

    @property
    def checkpoint(self) -> CheckpointRef:
        """What its newest record says of the checkpoint."""
        records = sorted(self.plan.records.values(), key=lambda record: record.created)
        return records[-1].checkpoint

    @property
    def facts(self) -> dict[str, str]:
        """What is known of the checkpoint itself."""
        checkpoint = self.checkpoint
        known = {
            "fingerprint": checkpoint.fingerprint,
            "source": checkpoint.source,
            "kind": checkpoint.kind,
            "base": checkpoint.base,
            "step": checkpoint.step,
        }
        return {key: str(value) for key, value in known.items() if value is not None}

    def record(self, task: str) -> Record | None:
        """Its record of a task."""
        return self.plan.records.get(task)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageData:
    """Everything that a page shows."""

    suite: Suite | None
    layout: Layout
    rows: tuple[PageRow, ...]
    table: Table
    ranked: Table | None
    """The same table with the ranks that its scores may have; ``None`` where none is known."""
    comparisons: tuple[SuiteComparison, ...]
    samples: tuple[TaskSamples, ...]
    most: int
    """Samples a task."""
    exchange: tuple[Mapping[str, Any], ...] = ()
    """The scores in the format of Every Eval Ever, a document for each row."""

    @property
    def title(self) -> str:
        """Name of the suite, or that there is none."""
        return self.suite.name if self.suite else "All tasks"

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks that any row counts, in the order of the table."""
        counted = {task for row in self.rows for task in row.tasks}
        return tuple(task for task in self.layout.scored_tasks if task in counted)

    @property
    def newest(self) -> datetime:
        """When the newest of its records was made."""
        return max(r.created for row in self.rows for r in row.plan.records.values())


def collect(
    records: Iterable[Record],
    suite: Suite | None,
    categories: Mapping[str, str | None],
    load: LoadSamples,
    *,
    compare: Sequence[str] = (),
    most: int = 20,
) -> PageData:
    """Gather a page.

    Args:
        records: What the store holds.
        suite: Tasks, columns and averages; without one, all tasks found.
        categories: Task → category, from the registry.
        load: Reads a record's samples.
        compare: The baseline, then the candidates; names as in the table. By default the first
            row with the others, up to :data:`MOST_COMPARED` rows.
        most: Samples a task.

    Raises:
        UsageError: If a checkpoint to be compared is not there.
    """

    def samples_of(record: Record) -> Sampled | None:
        from evalsuite.results.sampled import COLUMNS, sampled

        found = load(record)
        return None if found is None else sampled(record, found.narrow(COLUMNS))

    inside = Scores.of(records, suite, categories, samples_of)
    scores = inside.settled().under(View().convention_for(suite))
    layout = scores.layout
    rows = tuple(
        PageRow(label=label, plan=plan, tasks=_tasks(layout, plan))
        for label, plan in zip(_labels(scores.rows), scores.rows, strict=True)
    )
    # A row a checkpoint, as everywhere on the page, whatever the suite's own layout.
    table = build_table(
        inside.records,
        suite.model_copy(update={"layout": None}) if suite else None,
        categories=categories,
    )
    return PageData(
        suite=suite,
        layout=layout,
        rows=rows,
        table=table,
        ranked=_ranked(table, samples_of),
        comparisons=_comparisons(scores, rows, compare),
        samples=_samples(rows, layout, load, most),
        most=most,
    )


def _ranked(table: Table, load: Callable[[Record], Sampled | None]) -> Table | None:
    from evalsuite.results.ranks import with_ranks

    if len(table.rows) < 2:
        return None
    ranked = with_ranks(table, load)
    return ranked if ranked.ranked else None


def _labels(plans: Sequence[RowPlan]) -> list[str]:
    """Name and what sets a row apart; numbered where that is not enough."""
    found: list[str] = []
    for plan in plans:
        base = plain(f"{plan.name} / {plan.difference}" if plan.difference else plan.name, 80)
        label, number = base, 2
        while label in found:
            label, number = f"{base} ({number})", number + 1
        found.append(label)
    return found


def _tasks(layout: Layout, plan: RowPlan) -> tuple[str, ...]:
    named = (task for section in layout.sections for task in section.tasks)
    return tuple(dict.fromkeys(layout.leaves(named, plan.stand_ins)))


def _comparisons(
    scores: Scores, rows: Sequence[PageRow], names: Sequence[str]
) -> tuple[SuiteComparison, ...]:
    if not names and not 2 <= len(rows) <= MOST_COMPARED:
        return ()
    labels = {id(row.plan): row.label for row in rows}
    chosen = [scores.choose(name) for name in names] or scores.rows
    baseline, *others = [scores.side(plan, labels[id(plan)]) for plan in chosen]
    return tuple(scores.compare(baseline, other) for other in others)


def _samples(
    rows: Sequence[PageRow], layout: Layout, load: LoadSamples, most: int
) -> tuple[TaskSamples, ...]:
    found = []
    for task in layout.scored_tasks if most else ():
        records = [row.record(task) for row in rows]
        basis = [
            f"{r.signature.task_hash[:8]} {(r.signature.data or '')[:8]}" if r else ""
            for r in records
        ]
        loaded = [load(record) if record and record.samples else None for record in records]
        samples = choose_samples(task, loaded, basis, most)
        if samples is not None:
            found.append(samples)
    return tuple(found)
