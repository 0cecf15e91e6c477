"""What mteb's benchmarks are, without the seconds that importing mteb takes.

``benchmarks.json`` beside this file was made from mteb by ``bench/make_mteb_table.py``. Another
version of mteb than the one it was made from is asked once, and its answer is kept in the user's
cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.mteb.facts import facts_of
from evalsuite.kinds.shared.name_cache import remembered

TABLE = Path(__file__).with_name("benchmarks.json")
LAYOUT: Final = 1
"""Raised when the benchmarks are written in another way."""
NAMED: Final = 4
"""Tasks that a message names."""


@dataclass(frozen=True, slots=True)
class Member:
    """A task of a benchmark, or a part of one."""

    source: str
    """mteb's name of the task."""
    splits: tuple[str, ...] = ()
    """The splits that the benchmark chooses; empty for all that mteb scores."""
    subsets: tuple[str, ...] = ()
    """Likewise the subsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark of mteb."""

    name: str
    description: str
    members: tuple[Member, ...]
    private: frozenset[str]
    """Tasks whose data sets are not public."""
    aggregations: tuple[str, ...]
    """What mteb shows of it: values of its ``BenchmarkAggregation``."""
    groups: Mapping[str, Mapping[str, tuple[Member, ...]]]
    """Dimension → group → the tasks, or parts of tasks, whose mean mteb shows."""

    def part_of(self, source: str) -> Member | None:
        """The member that is this task of mteb; ``None`` where the benchmark lacks it."""
        return next((member for member in self.members if member.source == source), None)


def benchmark_named(name: str) -> Benchmark:
    """A benchmark of the installed mteb that is about texts alone.

    Args:
        name: mteb's name of it, or one of its aliases.

    Raises:
        UsageError: If mteb has none of that name, or some of its tasks need images, audio or
            video; names the text tasks, if it has some.
    """
    table, own = installed(), own_name(name)
    if own is None:
        version = metadata.version("mteb")
        raise UsageError(f"mteb {version} has no benchmark {name!r}", did_you_mean(name, table))
    found = _read(own, table[own])
    _refuse_other_than_text(found)
    return found


def own_name(name: str) -> str | None:
    """The own name of the benchmark that has a name or alias; ``None`` if none has."""
    table = installed()
    if name in table:
        return name
    return next((own for own, one in table.items() if name in one.get("aliases", ())), None)


def refuse_as_task(name: str) -> None:
    """Refuse a benchmark's name where a task's is meant.

    Raises:
        UsageError: If mteb has a benchmark of that name.
    """
    if benchmark := own_name(name):
        raise UsageError(
            f"mteb:{name} is a benchmark, not a task", f"use --suite 'mteb:{benchmark}'"
        )


def chosen_subsets(source: str, named: tuple[str, ...]) -> tuple[str, ...]:
    """The subsets that a name chooses: as it lists them, or as a benchmark chooses them.

    Args:
        source: mteb's name of the task.
        named: Subsets; or the name of one benchmark, where its subsets are too many to be listed.
    """
    own = own_name(named[0]) if len(named) == 1 else None
    part = _read(own, installed()[own]).part_of(source) if own else None
    return part.subsets if part else named


def text_benchmarks() -> list[str]:
    """Names of the benchmarks that are about texts alone."""
    return [name for name, plain in installed().items() if plain.get("text", True)]


def _refuse_other_than_text(found: Benchmark) -> None:
    others = [one.source for one in found.members if not facts_of(one.source).text]
    if not others:
        return
    texts = [one.source for one in found.members if one.source not in others]
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    tasks = ",".join(f"mteb:{name}" for name in texts)
    raise UsageError(
        f"mteb:{found.name} needs images, audio or video in {len(others)} of its "
        f"{len(found.members)} tasks: {', '.join(others[:NAMED])}{more}",
        f"evaluate its text tasks: --tasks {tasks}" if texts else "choose a benchmark of texts",
    )


def _read(name: str, plain: Mapping[str, Any]) -> Benchmark:
    return Benchmark(
        name=name,
        description=plain.get("description", ""),
        members=_members(plain["tasks"]),
        private=frozenset(plain.get("private", ())),
        aggregations=tuple(plain["aggregations"]),
        groups={
            dimension: {label: _members(tasks) for label, tasks in groups.items()}
            for dimension, groups in plain.get("groups", {}).items()
        },
    )


def _members(listed: Sequence[str | Mapping[str, Any]]) -> tuple[Member, ...]:
    return tuple(
        Member(one)
        if isinstance(one, str)
        else Member(one["task"], tuple(one.get("splits", ())), tuple(one.get("subsets", ())))
        for one in listed
    )


@cache
def installed() -> Mapping[str, Mapping[str, Any]]:
    """Benchmark → what it is, as in ``benchmarks.json``, of the installed version of mteb."""
    version = metadata.version("mteb")
    shipped = json.loads(TABLE.read_bytes())
    if (shipped["mteb"], shipped["layout"]) == (version, LAYOUT):
        benchmarks: Mapping[str, Mapping[str, Any]] = shipped["benchmarks"]
        return benchmarks
    return remembered(f"mteb-{version}-benchmarks-{LAYOUT}.json", learn)


def learn() -> dict[str, dict[str, Any]]:
    """All benchmarks of the installed mteb, JSON-ready; imports mteb."""
    import mteb

    return {one.name: _plain(one) for one in sorted(mteb.get_benchmarks(), key=lambda b: b.name)}


def _plain(benchmark: Any) -> dict[str, Any]:
    """A benchmark from mteb's ``Benchmark``; what is empty is left out."""
    from mteb.benchmarks.benchmark import CustomGrouping

    named = [one.value for one in benchmark.aggregations if not isinstance(one, CustomGrouping)]
    groupings = [one for one in benchmark.aggregations if isinstance(one, CustomGrouping)]
    found = {
        "description": " ".join((benchmark.description or "").split()),
        "aliases": list(benchmark.aliases or ()),
        "tasks": [_member(task) for task in benchmark.tasks],
        "private": [t.metadata.name for t in benchmark.tasks if not t.metadata.is_public],
        "groups": {
            one.name: {group.label: [_member(task) for task in group.tasks] for group in one.groups}
            for one in groupings
        },
    }
    kept = {key: value for key, value in found.items() if value}
    text = all(list(task.metadata.modalities) == ["text"] for task in benchmark.tasks)
    return kept | {"aggregations": named} | ({} if text else {"text": False})


def _member(task: Any) -> str | dict[str, Any]:
    """A task as its name, or with the splits and subsets that a benchmark chooses."""
    chosen: dict[str, Any] = {}
    if list(task.eval_splits) != list(task.metadata.eval_splits):
        chosen["splits"] = list(task.eval_splits)
    if list(task.hf_subsets) != list(task.metadata.hf_subsets):
        chosen["subsets"] = list(task.hf_subsets)
    return {"task": task.metadata.name, **chosen} if chosen else str(task.metadata.name)
