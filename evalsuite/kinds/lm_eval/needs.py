"""Which data sets an lm-eval task, group or tag reads, from its task files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.kinds.lm_eval.names import IndexEntry, find


def datasets_of_name(name: str) -> dict[str, str]:
    """Data set → revision; ``main`` where the task file names none. Imports lm-eval.

    Raises:
        UsageError: If lm-eval has nothing by that name.
    """
    return dict(_datasets(find(name), set()))


def _datasets(entry: IndexEntry, seen: set[str]) -> Iterator[tuple[str, str]]:
    if entry.name in seen:
        return
    seen.add(entry.name)
    for tagged in entry.tags if entry.kind == "TAG" else ():
        yield from _datasets(find(tagged), seen)
    if entry.path is not None:
        yield from _of_config(_config(entry.path), seen)


def _config(path: Path) -> dict[str, Any]:
    from lm_eval.tasks._yaml_loader import load_yaml

    config: dict[str, Any] = load_yaml(path, resolve_func=False)
    return config


def _of_config(config: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, str]]:
    dataset = config.get("dataset_path")
    kwargs = config.get("dataset_kwargs") or {}
    # "json", "csv" and the like name a loader, not a data set.
    if isinstance(dataset, str) and dataset.count("/") == 1:
        yield dataset, str(kwargs.get("revision") or "main")
    members = config.get("task")
    for member in members if isinstance(members, list) else ():
        if isinstance(member, str):
            yield from _datasets(find(member), seen)
        elif isinstance(member, dict):
            yield from _of_config(member, seen)
            defined_here = dataset is not None or "dataset_path" in member
            if isinstance(name := member.get("task"), str) and not defined_here:
                yield from _datasets(find(name), seen)
