"""A benchmark of mteb as a suite: its tasks by name, and the columns that mteb shows of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalsuite.kinds.mteb.benchmarks import Benchmark, Member
from evalsuite.kinds.mteb.facts import facts_of
from evalsuite.kinds.mteb.task import MtebTask
from evalsuite.kinds.task import Task
from evalsuite.kinds.task_name import TaskName

LONGEST: Final = 120
"""Characters of a task's name."""
PREFIX: Final = "mteb:"
"""Before a benchmark's name, where it is named as a suite."""


Plain = dict[str, Any]
"""Keys of a suite file, or of a part of it."""


def benchmark_suite(found: Benchmark, shipped: Iterable[Task]) -> Plain:
    """A benchmark of texts as the keys of a suite file.

    Its columns are those of mteb's table: Borda rank, means over tasks, task types and so on, and
    a column for each task type and each group that mteb shows. Scores are those of mteb's main
    metrics.

    Args:
        found: The benchmark.
        shipped: Tasks of evalsuite's own files; one that measures the same as a member stands for
            it, so that a score is computed once.
    """
    plain = [task for task in shipped if isinstance(task, MtebTask) and _is_plain(task)]
    names = _Names(found, {_what(task): task.name for task in plain})
    return {
        "name": PREFIX + found.name,
        "description": found.description,
        "tasks": tuple(names.leaves()),
        "convention": "leaderboard",
        "subtask_means": tuple(names.means()),
        "sections": tuple(_sections(found, names)),
    }


@dataclass(frozen=True, slots=True)
class _Names:
    """What the members of a benchmark are called as tasks of evalsuite."""

    found: Benchmark
    shipped: Mapping[tuple[object, ...], str]

    def of(self, member: Member) -> str:
        """The name of a task, of a part of one, or of a mean over tasks."""
        return self.shipped.get(_measured(member)) or _name(member, self.found)

    def leaves(self) -> Iterator[str]:
        """The tasks that are evaluated."""
        for member in self.found.members:
            parts = facts_of(member.source).members
            yield from map(self.of, map(Member, parts)) if parts else (self.of(member),)

    def means(self) -> Iterator[Plain]:
        """The members that are means over tasks."""
        for member in self.found.members:
            if parts := facts_of(member.source).members:
                yield {"name": self.of(member), "mean_of": tuple(map(self.of, map(Member, parts)))}


def _what(task: MtebTask) -> tuple[object, ...]:
    return task.source, frozenset(task.splits), frozenset(task.subsets)


def _measured(member: Member) -> tuple[object, ...]:
    return member.source, frozenset(member.splits), frozenset(member.subsets)


def _is_plain(task: MtebTask) -> bool:
    """Whether a task file only names a task of mteb, or a part of one, with mteb's own metric."""
    changed = (task.limit, task.split, task.instruction, task.main_metric)
    return bool(task.source) and not any(changed) and task.version == "1"


def _name(member: Member, benchmark: Benchmark) -> str:
    chosen = {"splits": member.splits, "subsets": member.subsets}
    settings = {key: tuple(sorted(values)) for key, values in chosen.items() if values}
    name = TaskName("mteb", member.source, settings).text
    if len(name) <= LONGEST:
        return name
    return TaskName("mteb", member.source, settings | {"subsets": (benchmark.name,)}).text


def _sections(found: Benchmark, names: _Names) -> Iterator[Plain]:
    tasks = [names.of(member) for member in found.members]
    types: dict[str, list[str]] = {}
    for member, name in zip(found.members, tasks, strict=True):
        types.setdefault(facts_of(member.source).type, []).append(name)
    private = [names.of(one) for one in found.members if one.source in found.private]
    public = [name for name in tasks if name not in private]
    columns = {
        "mean_task": {"label": "Mean (Task)", "tasks": tuple(tasks), "average": True},
        "mean_task_type": {
            "label": "Mean (TaskType)",
            "groups": tuple(map(tuple, types.values())),
            "average": True,
        },
        "mean_subset": {"label": "Mean (Subset)", "parts": _subsets(found, names), "average": True},
    }
    shown = [columns[key] for key in found.aggregations if key in columns]
    if private and public:  # mteb's leaderboard shows this mean in the place of Mean (Task)
        shown.append({"label": "Mean (Public)", "tasks": tuple(public), "average": True})
    rank = {"label": "Rank (Borda)", "ranks": tuple(tasks)}
    yield _section("Benchmark", [rank, *shown])
    if "task_types" in found.aggregations:
        of_types = [{"label": _words(type_), "tasks": tuple(of)} for type_, of in types.items()]
        yield _section("Task types", of_types)
    for dimension, groups in found.groups.items():
        yield _section(dimension, [_group(label, of, names) for label, of in groups.items()])


def _section(title: str, columns: Sequence[Plain]) -> Plain:
    return {"world": "embedding", "title": title, "columns": tuple(columns), "average": "none"}


def _subsets(found: Benchmark, names: _Names) -> tuple[Plain, ...]:
    """Each subset of each task, as one part."""
    return tuple(
        {"task": names.of(member), "subsets": (subset,)}
        for member in found.members
        for subset in member.subsets or facts_of(member.source).subsets
    )


def _group(label: str, members: Sequence[Member], names: _Names) -> Plain:
    """The mean over tasks; over parts of tasks, where the group names some splits or subsets."""
    known = {member.source: member for member in names.found.members}
    if all(member == known[member.source] for member in members):
        return {"label": label, "tasks": tuple(names.of(member) for member in members)}
    parts = [
        {"task": names.of(known[one.source]), "splits": one.splits, "subsets": one.subsets}
        for one in members
    ]
    return {"label": label, "parts": tuple(parts)}


def _words(type_: str) -> str:
    """``PairClassification`` as ``Pair Classification``, as mteb's tables have it."""
    return " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?=[A-Z]|$)", type_)) or type_
