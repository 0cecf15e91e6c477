"""Where the data files of a task may lie: beside it, not anywhere on the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalsuite.errors import UsageError
from evalsuite.settings import TASK_DATA, paths
from evalsuite.yaml_file import YamlFile


def data_paths(
    file: YamlFile, data: Mapping[str, Path], at: Sequence[str | int], folder: Path
) -> dict[str, Path]:
    """The data files of a task with their full paths, links followed.

    A task file that somebody else wrote must not choose which file of this machine becomes a
    prompt, and so a record that is published.

    Args:
        file: The task file.
        data: Role → path, relative to the file.
        at: Where in the file the task is.
        folder: The tasks folder that the file is in.

    Raises:
        UsageError: If one is not a valid path, or leads out of the tasks folder and the folders
            that ``EVALSUITE_TASK_DATA`` names.
    """
    found: dict[str, Path] = {}
    for role, path in data.items():
        where = f"{file.path}:{file.line((*at, 'data', role))}: data.{role}"
        try:
            target = (file.path.parent / path).resolve()
        except (ValueError, OSError, RuntimeError) as error:  # a null byte, a loop of links
            raise UsageError(f"{where}: not a path: {error}") from None
        if not any(target.is_relative_to(allowed) for allowed in _allowed(folder)):
            raise UsageError(
                f"{where}: {target} is outside the tasks folder {folder}",
                f"move it there, or allow its folder: {TASK_DATA}={target.parent}",
            )
        found[role] = target
    return found


def _allowed(folder: Path) -> list[Path]:
    return [folder.resolve(), *(path.resolve() for path in paths(TASK_DATA))]
