"""A part of a task's items, evaluated by lm-eval's own code."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalsuite.kinds.base import Context
from evalsuite.kinds.lm_eval.tasks import LoadedTasks
from evalsuite.kinds.shared.item_order import chooses, kept_items

Choice = Mapping[str, list[int]]
"""Task without parts → indices of the items that are evaluated, sorted."""


def limited(loaded: LoadedTasks, context: Context) -> Choice | None:
    """The items that a limit keeps of each task without parts; ``None`` for all, or the first."""
    if context.limit is None or not chooses(context.options):
        return None
    return {
        name: kept_items(context, len(task.eval_docs), loaded.data.hash, name)
        for name, task in loaded.leaves.items()
    }


def all_items(loaded: LoadedTasks, first: int | None) -> Choice:
    """All items of each task without parts, or the first ones."""
    return {
        name: list(range(min(len(task.eval_docs), first or len(task.eval_docs))))
        for name, task in loaded.leaves.items()
    }


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a task without parts."""

    task: str
    place: int
    """Among the items that are evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltTasks:
    """Tasks whose requests are built: as for the whole, whichever part of them is evaluated.

    Examples that a task draws at random depend on the items before: so the requests of a part are
    those of the whole.
    """

    loaded: LoadedTasks
    choice: Choice
    """What is evaluated in all."""

    @property
    def items(self) -> list[Item]:
        """All items, task by task."""
        return [Item(name, at) for name in self.choice for at in range(len(self.choice[name]))]

    @property
    def requests(self) -> int:
        """How often the engine is asked for all items."""
        tasks = self.loaded.leaves.values()
        return sum(instance.repeats or 1 for task in tasks for instance in task.instances)

    def part(self, items: Sequence[Item]) -> tuple[LoadedTasks, dict[str, list[int]]]:
        """Tasks that lm-eval evaluates without building them again, with some of the items.

        Args:
            items: At least one, each once.

        Returns:
            The tasks that have one of the items, without their groups unless these are all items;
            and, as lm-eval takes it, task → indices of its items.
        """
        places: dict[str, list[int]] = {}
        for item in items:
            places.setdefault(item.task, []).append(item.place)
        whole = len(items) == sum(map(len, self.choice.values()))
        tasks = {
            name: _with_items(task, sorted(places[name]))
            for name, task in self.loaded.leaves.items()
            if name in places
        }
        groups = self.loaded.tasks if whole else {"groups": {}, "group_map": {}}
        chosen = {name: [self.choice[name][at] for at in sorted(places[name])] for name in tasks}
        return replace(self.loaded, tasks={**groups, "tasks": tasks}), chosen


def _with_items(task: Any, places: Sequence[int]) -> Any:
    """A copy of a task that has the requests of some items, and builds no others."""
    number = {place: index for index, place in enumerate(places)}
    part = copy.copy(task)
    part.build_all_requests = lambda **_: None
    part._instances = []  # noqa: SLF001 - lm-eval has no other way to set them
    for instance in task.instances:
        if instance.doc_id in number:
            own = copy.copy(instance)
            own.doc_id, own.resps, own.filtered_resps = number[instance.doc_id], [], {}
            part._instances.append(own)  # noqa: SLF001
    return part
