"""Which data sets an lm-eval task, group or tag reads, from its task files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.kinds.lm_eval.configs import full_config
from evalsuite.kinds.lm_eval.names import IndexEntry, find, is_known


def datasets_of_name(name: str, folder: Path | None = None) -> dict[str, str]:
    """Data set → revision; ``main`` where the task file names none.

    Args:
        name: lm-eval's name for a task, group or tag.
        folder: A person's own folder of files in lm-eval's format.

    Raises:
        UsageError: If lm-eval has nothing by that name.
    """
    return {
        found: revision
        for entry in members(name, folder)
        if entry.path is not None
        for found, revision in _of_config(full_config(entry.path))
    }


def members(name: str, folder: Path | None = None) -> list[IndexEntry]:
    """A task, group or tag with all that belong to it, each once.

    Raises:
        UsageError: If there is nothing by that name.
    """
    found: dict[str, IndexEntry] = {}
    open_ = [name]
    while open_:
        entry = find(open_.pop(0), folder)
        if entry.name not in found:
            found[entry.name] = entry
            open_ += _named_by(entry, folder)
    return list(found.values())


def _named_by(entry: IndexEntry, folder: Path | None) -> Iterator[str]:
    """Names of the tasks that a group or tag refers to."""
    if entry.kind == "TAG":
        yield from entry.tags
    elif entry.kind == "GROUP" and entry.path is not None:
        yield from _references(full_config(entry.path), folder)


def _references(config: dict[str, Any], folder: Path | None) -> Iterator[str]:
    listed = config.get("task")
    for member in listed if isinstance(listed, list) else ():
        if isinstance(member, str):
            yield member
        elif isinstance(member, dict):
            yield from _references(member, folder)
            defined_here = "dataset_path" in config or "dataset_path" in member
            name = member.get("task")
            if isinstance(name, str) and not defined_here and is_known(name, folder):
                yield name


def defined_in_place(config: dict[str, Any], folder: Path | None = None) -> Iterator[str]:
    """Names of the tasks that a group's file defines itself, beside those that it refers to."""
    listed = config.get("task")
    for member in listed if isinstance(listed, list) else ():
        if isinstance(member, dict):
            yield from defined_in_place(member, folder)
            if isinstance(name := member.get("task"), str) and not is_known(name, folder):
                yield name


def _of_config(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    dataset = config.get("dataset_path")
    kwargs = config.get("dataset_kwargs") or {}
    # "json", "csv" and the like name a loader, not a data set.
    if isinstance(dataset, str) and dataset.count("/") == 1:
        yield dataset, str(kwargs.get("revision") or "main")
    listed = config.get("task")
    for member in listed if isinstance(listed, list) else ():
        if isinstance(member, dict):
            yield from _of_config(member)
