"""Which data sets tasks read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from evalsuite.data.mirror import dataset_folder
from evalsuite.kinds.task import Task
from evalsuite.schema import Frozen


class Need(Frozen):
    """One data set at one revision, and the tasks that read it."""

    name: str
    """``org/name``."""
    revision: str
    """A commit; ``main`` where neither the task file nor the harness pins one."""
    tasks: tuple[str, ...]

    def held(self, root: Path) -> Path | None:
        """Where it lies in a mirror."""
        return dataset_folder(root, self.name, self.revision)


def needs(
    tasks: Iterable[Task], of_harness: Callable[[Task], Mapping[str, str]]
) -> tuple[Need, ...]:
    """The data sets of some tasks, in their order.

    Args:
        tasks: Those on files of their own need none.
        of_harness: Data sets of a task whose file does not name them; may import the harness.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for task in tasks:
        datasets = task.datasets or ({} if task.data else of_harness(task))
        for pair in datasets.items():
            found.setdefault(pair, []).append(task.name)
    return tuple(
        Need(name=name, revision=revision, tasks=tuple(names))
        for (name, revision), names in found.items()
    )
