"""Finding an lm-eval task by name in milliseconds.

lm-eval reads some 14,000 YAML files (10–16 seconds) to learn the names of its tasks. Here that
is done once for a version of lm-eval, and kept in the user's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.harness.name_cache import remembered


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One name that lm-eval knows."""

    name: str
    kind: str
    """``TASK``, ``PY_TASK``, ``GROUP`` or ``TAG``."""
    path: Path | None
    """The YAML file; tags have none."""
    tags: tuple[str, ...]
    """Of a tag: the tasks that carry it."""


def version() -> str:
    """Version of the installed lm-eval."""
    return metadata.version("lm-eval")


@cache
def load_index() -> dict[str, IndexEntry]:
    """All names that lm-eval knows, from the cache or (once) from lm-eval itself."""
    root = _tasks_root()
    plain = remembered(f"lm-eval-{version()}.json", lambda: _scan(root))
    return {
        name: IndexEntry(name, kind, root / file if file else None, tuple(tags))
        for name, (kind, file, tags) in plain.items()
    }


def find(name: str) -> IndexEntry:
    """Look up a task, group or tag.

    Raises:
        UsageError: If lm-eval has nothing by that name; names the nearest ones.
    """
    index = load_index()
    if name not in index:
        raise UsageError(f"lm-eval {version()} has no task {name!r}", did_you_mean(name, index))
    return index[name]


def _tasks_root() -> Path:
    from importlib.util import find_spec

    spec = find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("lm-eval is not installed", "pip install evalsuite")
    return Path(spec.submodule_search_locations[0]) / "tasks"


def _scan(root: Path) -> dict[str, Any]:
    from lm_eval.tasks import TaskManager

    return {
        name: [
            entry.kind.name,
            entry.yaml_path.relative_to(root).as_posix() if entry.yaml_path else None,
            sorted(entry.tags) if entry.kind.name == "TAG" else [],
        ]
        for name, entry in TaskManager().task_index.items()
    }
