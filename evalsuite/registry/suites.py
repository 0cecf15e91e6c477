"""Suites: tasks that are run together, and how their scores become a table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from evalsuite.kinds.task import Name
from evalsuite.layouts import Convention, LayoutName
from evalsuite.schema import Frozen, World


class Part(Frozen):
    """Some splits and subsets of a task of mteb, whose scores its record keeps."""

    task: str
    splits: tuple[str, ...] = ()
    """Empty for all that were scored."""
    subsets: tuple[str, ...] = ()
    """Likewise."""


class Column(Frozen):
    """One column of a table: the mean over some tasks of the suite."""

    label: str
    tasks: tuple[str, ...] = ()
    category: str | None = None
    """All tasks of the suite with this category."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Groups of tasks: the mean over the means of the groups."""
    parts: tuple[Part, ...] = ()
    """Parts of tasks: the mean over the means of the parts."""
    ranks: tuple[str, ...] = ()
    """Tasks by which the rows of the table are ranked (Borda count)."""
    average: bool = False
    """Whether it stands for its section, as an average does."""

    @model_validator(mode="after")
    def _one_source(self) -> Column:
        sources = (self.tasks, self.category, self.groups, self.parts, self.ranks)
        if sum(map(bool, sources)) != 1:
            raise ValueError("needs either 'tasks' or 'category' (or groups, parts, ranks)")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """All tasks that it names, each once."""
        grouped = (task for group in self.groups for task in group)
        parts = (part.task for part in self.parts)
        return tuple(dict.fromkeys((*self.tasks, *grouped, *parts, *self.ranks)))


class Section(Frozen):
    """Neighbouring columns with an average of their own."""

    world: World
    title: str
    columns: tuple[Column, ...]
    average: Literal["tasks", "columns", "none"] = "columns"
    """Mean over all tasks of the section (Table 1 of the GRIT paper), mean over its columns
    (Table 2), or no average."""


class SubtaskMean(Frozen):
    """A task of the suite whose score is the mean over others, as CQADupstack over its 12."""

    name: Name
    mean_of: tuple[str, ...] = Field(min_length=1)
    category: str | None = None


class Suite(Frozen):
    """Tasks that are run together, and how their scores become a table."""

    name: Name
    description: str = ""
    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of registry tasks, or ``mteb:NAME`` and ``lm_eval:NAME``."""
    convention: Convention = "paper"
    layout: LayoutName | None = None
    """How its table looks, where not one row a checkpoint."""
    subtask_means: tuple[SubtaskMean, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def members(self) -> frozenset[str]:
        """All tasks whose records the suite is about: its own, and means with their parts."""
        means = self.subtask_means
        parts = (part for mean in means for part in mean.mean_of)
        return frozenset((*self.tasks, *(mean.name for mean in means), *parts))
