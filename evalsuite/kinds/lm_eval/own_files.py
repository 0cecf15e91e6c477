"""Task files in lm-eval's own format in a tasks folder of a person's own, below ``lm_eval/``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evalsuite.data import hash_file
from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.lm_eval.names import folder_index, load_index, shipped_index, version
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.schema import digest

FOLDER = "lm_eval"
"""Name of the folder in a tasks folder."""


def with_folder(task: LmEvalTask, folders: Iterable[Path]) -> LmEvalTask:
    """A task with the folder that defines what it names; the task itself where none does.

    Args:
        task: Of kind ``lm_eval``.
        folders: A person's own tasks folders.

    Raises:
        UsageError: If a file in one of them is not valid.
    """
    if task.source in shipped_index():
        return task
    for folder in folders:
        home = folder / FOLDER
        if task.source and home.is_dir():
            index = folder_index(home)
            if task.source in index or task.base_source in index:
                return task.model_copy(update={"folder": home.resolve()})
    return task


def check_names(folder: Path) -> None:
    """Check that a folder gives no task the name of another one.

    Raises:
        UsageError: For the first name that lm-eval or evalsuite has too.
    """
    for name, entry in folder_index(folder).items():
        for owner, names in (
            ("evalsuite", shipped_index()),
            (f"lm-eval {version()}", load_index()),
        ):
            if name in names:
                where = entry.path or folder
                raise UsageError(f"{where}: {owner} has a task {name!r} too", "rename yours")


def folder_version(folder: Path) -> str:
    """What the files of a folder are, as ``own-1a2b3c4d``: for signatures.

    All files count, data files too; compiled Python does not.
    """
    return (
        f"own-{digest({path.as_posix(): hash_file(folder / path) for path in _files(folder)})[:8]}"
    )


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
        if path.is_file() and not hidden:
            yield inside


def local_files(data_files: Any, at: Path, folder: Path) -> Any:
    """``data_files`` of a task file with full paths: they are relative to the file.

    Args:
        data_files: A path or pattern, a list of them, or a mapping from splits to these.
        at: Folder of the task file.
        folder: What the paths must not lead out of: what is in it belongs to the signature.

    Raises:
        DataError: If one leads out of it, or there is no such file.
    """
    if isinstance(data_files, dict):
        return {split: local_files(files, at, folder) for split, files in data_files.items()}
    if isinstance(data_files, Sequence) and not isinstance(data_files, str):
        return [local_files(file, at, folder) for file in data_files]
    target = (at / str(data_files)).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise DataError(f"{at}: data file {data_files} is outside {folder}", "move it there")
    if not any(target.parent.glob(target.name)):
        raise DataError(f"{target}: no such file", f"correct 'data_files' in the YAML in {at}")
    return str(target)
