"""The names of mteb's tasks, without the four seconds that importing mteb takes."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.shared.name_cache import remembered


def check(name: str) -> None:
    """Check that mteb has a task.

    Raises:
        UsageError: If it has none of that name; names the nearest ones.
    """
    version = metadata.version("mteb")
    index = remembered(f"mteb-{version}.json", _learn)
    if name not in index:
        raise UsageError(f"mteb {version} has no task {name!r}", did_you_mean(name, index))


def datasets(name: str) -> dict[str, str]:
    """Data set → commit that an mteb task reads; imports mteb.

    Raises:
        UsageError: If mteb has no such task.
    """
    check(name)
    import mteb

    task = mteb.get_task(name)
    parts = task.metadata.tasks if task.is_aggregate else [task]
    read = [part.metadata.dataset for part in parts]
    return {str(source["path"]): str(source.get("revision", "main")) for source in read}


def _learn() -> dict[str, Any]:
    from mteb.get_tasks import TASK_LIST

    return {kind.metadata.name: kind.metadata.type for kind in TASK_LIST}
