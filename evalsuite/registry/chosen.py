"""Which tasks were meant: names, patterns, or all that a person's own folders hold."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterable

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.table import KINDS
from evalsuite.kinds.task_name import has_settings
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite

DEFAULT_SUITE = "smoke"
"""The suite of a run that names none."""


def named_tasks(registry: Registry, wanted: Iterable[str]) -> tuple[str, ...]:
    """Names of tasks with each pattern replaced by the tasks that it matches.

    Args:
        registry: Whose tasks patterns match; tasks of a harness without a file, such as
            ``mteb:STSBenchmark``, go by their whole name.
        wanted: Names and patterns such as ``smoke-*``.

    Returns:
        Each name once, in the order in which it was asked for; a name need not exist.

    Raises:
        UsageError: If a pattern matches no task, or there is no name at all.
    """
    found: dict[str, None] = {}
    for name in wanted:
        pattern = glob.has_magic(name) and not has_settings(name)
        found.update(dict.fromkeys(_matching(registry, name) if pattern else [name]))
    if not found:
        raise UsageError("--tasks names no task", "see: evalsuite tasks list")
    return tuple(found)


def of_own_folders(registry: Registry) -> Suite | tuple[str, ...]:
    """What a person's own folders hold, to be run where neither suite nor task is named.

    Returns:
        Their suite, where there is one and it has all of their tasks; otherwise the names of
        their tasks. Without own tasks and suites, the suite ``smoke``.

    Raises:
        UsageError: If they hold several suites and no task.
    """
    tasks = _own_tasks(registry)
    suites = [
        suite for suite in registry.suites.values() if not registry.shipped("suite", suite.name)
    ]
    if len(suites) == 1 and set(tasks) <= suites[0].members:
        return suites[0]
    if tasks:
        return tasks
    if suites:
        raise UsageError(
            "--tasks-dir holds several suites",
            f"choose one: --suite {' or '.join(suite.name for suite in suites[:3])}",
        )
    return registry.suite(DEFAULT_SUITE)


def _own_tasks(registry: Registry) -> tuple[str, ...]:
    named = [name for name in registry.tasks if not registry.shipped("task", name)]
    return (*named, *_beside_files(registry))


def _beside_files(registry: Registry) -> list[str]:
    """Tasks that own folders hold in a harness's own format."""
    return [
        name
        for folder in registry.folders
        for kind in KINDS.values()
        for name in kind.check_folder(folder)
    ]


def _matching(registry: Registry, pattern: str) -> list[str]:
    known = [*registry.tasks, *_beside_files(registry)]
    found = [name for name in known if fnmatch.fnmatchcase(name, pattern)]
    if found:
        return found
    bare = pattern.translate(dict.fromkeys(map(ord, "*?[]")))
    raise UsageError(f"no task matches {pattern!r}", did_you_mean(bare, known))
