"""Checks of task files that go beyond their form: the data they name is read too."""

from __future__ import annotations

from pathlib import Path

from evalsuite.data import read_rows, require_columns
from evalsuite.kinds.table import kind_of
from evalsuite.kinds.task import Task
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry


def validate(folder: Path | None) -> str:
    """Check all files of a folder, and the data files of its tasks.

    Args:
        folder: The folder; ``None`` for the built-in one.

    Returns:
        What was checked, in one line.

    Raises:
        UsageError: For the first task, suite or instruction file that is not valid.
        DataError: For the first data file that is missing or malformed.
    """
    registry = Registry.load([] if folder is None else [folder])
    inside = (folder or shipped_tasks()).resolve()
    files = {key: path for key, path in registry.files.items() if _within(path, inside)}
    tasks = [task for task in registry.tasks.values() if f"task {task.name}" in files]
    rows = sum(_check_data(task) for task in tasks)
    suites = sum(key.startswith("suite ") for key in files)
    sets = sum(key.startswith("instructions ") for key in files)
    counts = ((len(tasks), "task"), (suites, "suite"), (sets, "instruction set"), (rows, "row"))
    return f"{inside}: " + ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts)


def _check_data(task: Task) -> int:
    tables = {}
    for role, path in (task.data or {}).items():
        rows = read_rows(path)
        require_columns(rows, task.required_columns(role), task.columns, path)
        tables[role] = rows
    if tables:
        kind_of(task).check_rows(task, tables)
    return sum(map(len, tables.values()))


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)
