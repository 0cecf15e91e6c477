"""Which columns a table has, and which tasks each of them is the mean of."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalsuite.registry.suites import Column, Part, Section, Suite
from evalsuite.schema import Record, World
from evalsuite.text import natural

WORLDS: tuple[World, ...] = ("embedding", "generative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """A column and the names of its tasks."""

    label: str
    tasks: tuple[str, ...]
    complete: bool = True
    """Whether all tasks of the column are known; otherwise it can have no mean."""
    key: str = ""
    """Its category, or its only task: what published rows call the column."""
    group: str = ""
    """Where each task has its own column: the label of the suite's column it belongs to."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Where it is a mean of means: the tasks of each; :attr:`tasks` are all of them."""
    parts: tuple[Part, ...] = ()
    """Where it is a mean over parts of tasks: these; :attr:`tasks` are those that they are of."""
    ranks: bool = False
    """Whether it ranks the rows by its tasks."""
    average: bool = False
    """Whether it stands for its section, as an average does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionPlan:
    """Neighbouring columns, with or without an average."""

    world: World
    title: str
    columns: tuple[ColumnPlan, ...]
    average: Literal["tasks", "columns"] | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks of the section, each once."""
        return tuple(dict.fromkeys(task for column in self.columns for task in column.tasks))

    @property
    def complete(self) -> bool:
        """Whether an average over the section is defined."""
        return all(column.complete and column.tasks for column in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a table."""

    sections: tuple[SectionPlan, ...]
    means: dict[str, tuple[str, ...]]
    """Task whose score is a mean → the tasks it is the mean of."""
    unknown: tuple[str, ...] = ()
    """Tasks of the suite that may belong to a column by category, but whose category is not
    known."""

    def leaves(self, tasks: Iterable[str], scored: Container[str] = ()) -> tuple[str, ...]:
        """``tasks``, with the subtasks in the place of their mean.

        Args:
            tasks: Names of tasks.
            scored: Means with a record of their own (see :func:`settle_means`): they stay.
        """
        return tuple(
            leaf
            for task in tasks
            for leaf in ((task,) if task in scored else self.means.get(task, (task,)))
        )

    @property
    def scored_tasks(self) -> tuple[str, ...]:
        """All tasks whose records the table shows, means with a record of their own included."""
        named = [task for section in self.sections for task in section.tasks]
        return tuple(dict.fromkeys((*self.leaves(named), *(t for t in named if t in self.means))))


def plan_layout(
    records: Sequence[Record], suite: Suite | None, categories: Mapping[str, str | None]
) -> Layout:
    """The columns of a suite; without its sections, one column a task and no average.

    Args:
        records: What is to be shown.
        suite: The suite, if there is one.
        categories: Task → category; goes before what the records say.
    """
    if suite is None or not suite.sections:
        return Layout(sections=_by_task(records, suite), means={})
    unlisted = [record for record in records if record.signature.task not in categories]
    known = _recorded_categories(unlisted) | dict(categories)
    means = {mean.name: mean.mean_of for mean in suite.subtask_means}
    known.update({mean.name: mean.category for mean in suite.subtask_means if mean.category})
    # A member counts through its mean; counting it by category too would weigh it twice.
    through = {task: name for name, tasks in means.items() for task in tasks}
    candidates = list(dict.fromkeys((*(through.get(task, task) for task in suite.tasks), *means)))
    named = {
        task for section in suite.sections for column in section.columns for task in column.tasks
    }
    unknown = tuple(task for task in candidates if task not in known and task not in named)
    if not any(column.category for section in suite.sections for column in section.columns):
        unknown = ()
    return Layout(
        sections=tuple(
            _section_plan(section, candidates, known, complete=not unknown)
            for section in suite.sections
        ),
        means=means,
        unknown=unknown,
    )


def _section_plan(
    section: Section,
    candidates: Sequence[str],
    known: Mapping[str, str | None],
    *,
    complete: bool,
) -> SectionPlan:
    def plan(column: Column) -> ColumnPlan:
        if column.category is None:
            tasks = column.named
            return ColumnPlan(
                label=column.label,
                tasks=tasks,
                key=tasks[0] if len(tasks) == 1 else "",
                groups=column.groups,
                parts=column.parts,
                ranks=bool(column.ranks),
                average=column.average,
            )
        tasks = tuple(task for task in candidates if known.get(task) == column.category)
        key = column.category
        return ColumnPlan(label=column.label, tasks=tasks, complete=complete, key=key)

    return SectionPlan(
        world=section.world,
        title=section.title,
        columns=tuple(plan(column) for column in section.columns),
        average=None if section.average == "none" else section.average,
    )


def _by_task(records: Sequence[Record], suite: Suite | None) -> tuple[SectionPlan, ...]:
    sections: list[SectionPlan] = []
    for world in WORLDS:
        found = {r.signature.task for r in records if r.signature.world == world}
        names = sorted(found, key=natural)
        if suite is not None:
            names = [task for task in suite.tasks if task in found]
        if names:
            columns = tuple(ColumnPlan(label=name, tasks=(name,), key=name) for name in names)
            sections.append(SectionPlan(world=world, title=world.capitalize(), columns=columns))
    return tuple(sections)


def first_section(layout: Layout) -> Layout:
    """A layout's first section alone."""
    return replace(layout, sections=layout.sections[:1])


def of_world(layout: Layout, world: World) -> Layout:
    """A layout's sections of one world."""
    kept = tuple(section for section in layout.sections if section.world == world)
    return replace(layout, sections=kept)


def column_per_task(layout: Layout) -> Layout:
    """A layout's first section with columns of tasks alone, with one column for each task."""
    split = [section for one in layout.sections if (section := _split_columns(one)).columns]
    return replace(layout, sections=tuple(split[:1]))


def _split_columns(section: SectionPlan) -> SectionPlan:
    columns = tuple(
        ColumnPlan(
            label=task, tasks=(task,), complete=column.complete, key=task, group=column.label
        )
        for column in section.columns
        for task in column.tasks
        if not (column.average or column.ranks or column.parts)
    )
    return replace(section, columns=columns)


def settle_means(records: Sequence[Record], layout: Layout) -> list[Record]:
    """Choose between a mean's own record and those of its subtasks.

    Result files of others may hold only the mean (mteb's merged file of CQADupstack). It stands
    in where a checkpoint lacks any of the subtasks, and is left out otherwise.
    """
    scored = {_whose(record) for record in records if record.score is not None}
    dropped: set[tuple[str, str]] = set()
    for checkpoint, task in scored:
        if members := layout.means.get(task):
            parts = {(checkpoint, member) for member in members}
            dropped |= {(checkpoint, task)} if parts <= scored else parts
    return [record for record in records if _whose(record) not in dropped]


def _whose(record: Record) -> tuple[str, str]:
    return record.checkpoint.fingerprint, record.signature.task


def _recorded_categories(records: Iterable[Record]) -> dict[str, str | None]:
    newest = sorted(records, key=lambda record: record.created)
    return {r.signature.task: r.task["category"] for r in newest if r.task.get("category")}
