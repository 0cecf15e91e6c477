"""Files of a tasks folder that lie where another sort of file is expected."""

from __future__ import annotations

from typing import Any, Final, Literal

from evalsuite.errors import UsageError
from evalsuite.yaml_file import YamlFile

Sort = Literal["task", "suite", "instruction set", "policy"]

FOLDERS: Final[dict[Sort, str]] = {
    "suite": "suites",
    "instruction set": "instructions",
    "policy": "policies",
}
"""Where each sort of file lies; tasks lie anywhere else."""


def refuse_misplaced(file: YamlFile, raw: dict[str, Any], expected: Sort) -> None:
    """Refuse a file that is clearly of another sort than its folder says.

    Args:
        file: For the message.
        raw: What it holds.
        expected: What its folder makes of it.

    Raises:
        UsageError: With the folder that it belongs into.
    """
    found = _sort(raw)
    if found is None or found == expected:
        return
    article = "an" if found.startswith("i") else "a"
    if found == "task":
        advice = f"move it out of {FOLDERS[expected]}/"
    else:
        advice = f"move it into {FOLDERS[found]}/ of the tasks folder"
    raise UsageError(f"{file.path}:1: is {article} {found}, but lies where {expected}s lie", advice)


def _sort(raw: dict[str, Any]) -> Sort | None:
    """What a file is, by its own keys; ``None`` where they leave it open."""
    tasks = raw.get("tasks")
    if isinstance(tasks, dict) and "name" in raw:
        return "instruction set"
    if isinstance(tasks, list) and tasks:
        # A file of several tasks has no name of its own.
        named = "name" in raw and all(isinstance(name, str) for name in tasks)
        return "suite" if named else "task"
    if raw.keys() & {"tolerance", "significance", "inconclusive"}:
        return "policy"
    return "task" if raw.keys() & {"kind", "data", "source"} else None
