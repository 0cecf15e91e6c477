"""Which records are of data that their checkpoint was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from evalsuite.results.columns import ColumnPlan, Layout, SectionPlan
from evalsuite.results.in_domain.declared import declarations
from evalsuite.schema import Record
from evalsuite.text import listed

ALIASES: Final = {
    "naturalquestions": "nq",
    "nqopen": "nq",
    "quora": "quoraretrieval",
    "quoraduplicates": "quoraretrieval",
}
"""Other names of data sets, as model cards have them."""


def plain_name(name: str) -> str:
    """A name of a task or data set without what people write differently.

    Harness, settings, owner, case and signs are dropped: ``mteb:MSMARCO``, ``ms_marco`` and
    ``microsoft/ms-marco`` are one.
    """
    bare = name.partition("?")[0].rpartition("/")[2].rpartition(":")[2]
    letters = "".join(character for character in bare.casefold() if character.isalnum())
    return ALIASES.get(letters, letters)


def names_of(record: Record) -> set[str]:
    """All names that a record's task and data go by, in their plain form."""
    task: dict[str, Any] = record.task
    given = [record.signature.task, task.get("source"), *(task.get("datasets") or ())]
    return {plain_name(name) for name in given if isinstance(name, str)}


def in_domain(record: Record) -> str | None:
    """Who says that the checkpoint was trained on a record's data; ``None`` if nobody does."""
    names = names_of(record)
    for one in declarations(record.checkpoint):
        if names & {plain_name(name) for name in one.sets}:
            return one.source
    return None


def in_domain_notes(sides: Mapping[str, Iterable[Record]]) -> list[str]:
    """Which scores are of data that their checkpoint was trained on, one line for each source.

    For tables whose cells cannot carry marks.

    Args:
        sides: Name of a checkpoint → its records.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name, records in sides.items():
        for record in records:
            if record.score is not None and (source := in_domain(record)):
                found.setdefault((name, source), []).append(record.signature.task)
    return [
        f"in-domain: {name} was trained on this data, says {source}: {listed(tasks)}"
        for (name, source), tasks in found.items()
    ]


def in_domain_tasks(records: Iterable[Record]) -> frozenset[str]:
    """Tasks of which any record is in-domain."""
    return frozenset(record.signature.task for record in records if in_domain(record))


def without_tasks(layout: Layout, tasks: frozenset[str]) -> Layout:
    """A layout whose averages leave some tasks out.

    In a section with an average, columns lose these tasks, and a column that has no other goes.
    A task that is a mean goes with any of its members. Sections without an average stay.
    """
    through = {name for name, members in layout.means.items() if tasks.intersection(members)}
    gone = tasks | through
    return replace(layout, sections=tuple(_section(one, gone) for one in layout.sections))


def _section(section: SectionPlan, gone: frozenset[str]) -> SectionPlan:
    if section.average is None and not any(column.average for column in section.columns):
        return section
    columns = (_column(column, gone) for column in section.columns)
    return replace(section, columns=tuple(one for one in columns if one.tasks))


def _column(column: ColumnPlan, gone: frozenset[str]) -> ColumnPlan:
    return replace(column, tasks=tuple(task for task in column.tasks if task not in gone))
