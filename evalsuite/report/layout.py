"""Which columns a table has, and which tasks each of them is the mean of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalsuite.registry.models import Column, Section, Suite
from evalsuite.schema import Record, World

WORLDS: tuple[World, ...] = ("embedding", "generative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """A column and the names of its tasks."""

    label: str
    tasks: tuple[str, ...]
    complete: bool = True
    """Whether all tasks of the column are known; otherwise it can have no mean."""


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

    def leaves(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """``tasks``, with the subtasks in the place of their mean."""
        return tuple(leaf for task in tasks for leaf in self.means.get(task, (task,)))

    @property
    def scored_tasks(self) -> tuple[str, ...]:
        """All tasks whose records the table shows."""
        return tuple(leaf for section in self.sections for leaf in self.leaves(section.tasks))


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sort key that puts ``step-200`` before ``step-1000``."""
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(
        (not piece.isdigit(), int(piece) if piece.isdigit() else 0, piece)
        for piece in pieces
        if piece
    )


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
    known = dict(_recorded_categories(records)) | dict(categories)
    means = {mean.name: mean.mean_of for mean in suite.subtask_means}
    known.update({mean.name: mean.category for mean in suite.subtask_means if mean.category})
    members = {task for tasks in means.values() for task in tasks}
    # A member counts through its mean; counting it by category too would weigh it twice.
    candidates = [task for task in dict.fromkeys((*suite.tasks, *means)) if task not in members]
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
            return ColumnPlan(label=column.label, tasks=column.tasks)
        tasks = tuple(task for task in candidates if known.get(task) == column.category)
        return ColumnPlan(label=column.label, tasks=tasks, complete=complete)

    return SectionPlan(
        world=section.world,
        title=section.title,
        columns=tuple(plan(column) for column in section.columns),
        average=section.average,
    )


def _by_task(records: Sequence[Record], suite: Suite | None) -> tuple[SectionPlan, ...]:
    sections: list[SectionPlan] = []
    for world in WORLDS:
        found = {r.signature.task for r in records if r.signature.world == world}
        names = sorted(found, key=natural)
        if suite is not None:
            names = [task for task in suite.tasks if task in found]
        if names:
            columns = tuple(ColumnPlan(label=name, tasks=(name,)) for name in names)
            sections.append(SectionPlan(world=world, title=world.capitalize(), columns=columns))
    return tuple(sections)


def _recorded_categories(records: Iterable[Record]) -> dict[str, str | None]:
    newest = sorted(records, key=lambda record: record.created)
    return {r.signature.task: r.task["category"] for r in newest if r.task.get("category")}
