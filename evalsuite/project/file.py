"""The project file ``evalsuite.toml``, found upward from the working folder."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from evalsuite.errors import UsageError, did_you_mean, first_invalid
from evalsuite.schema import Frozen

NAME: Final = "evalsuite.toml"
MOST_BYTES: Final = 512 * 1024


class Project(Frozen):
    """What a project file may say; paths are relative to its folder."""

    suite: str | None = None
    store: str | None = None
    baselines: str | None = None
    reports: str | None = None
    policy: str | None = None
    baseline: str | None = None
    tasks_dir: tuple[str, ...] = Field((), alias="tasks-dir")
    data: str | None = None
    log: tuple[str, ...] = ()
    checkpoints: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Name of a list → what ``--ckpt @NAME`` stands for."""
    training_sets: dict[str, tuple[str, ...]] = Field(default_factory=dict, alias="training-sets")
    """Name or pattern of checkpoints → data sets that they were trained on."""


class ProjectFile(Frozen):
    """A project file that has been read."""

    path: Path
    project: Project

    def value(self, key: str) -> str | tuple[str, ...] | None:
        """The value of a key as it stands in the file; ``None`` where it is not set."""
        found = getattr(self.project, key.replace("-", "_"))
        return found or None

    def inside(self, text: str) -> str:
        """A path of the file, relative to its folder; absolute ones and ``~`` stay."""
        return str(self.path.parent / Path(text).expanduser())

    def checkpoint_list(self, name: str) -> tuple[str, ...]:
        """The members of a list; what names files below the file's folder becomes a path there.

        Raises:
            UsageError: If there is no such list.
        """
        lists = self.project.checkpoints
        if name not in lists:
            what = f"{self.path} has no list of checkpoints called {name!r}"
            raise UsageError(what, did_you_mean(name, lists))
        return tuple(map(self._checkpoint, lists[name]))

    def _checkpoint(self, text: str) -> str:
        local = Path(self.inside(text))
        return str(local) if local.exists() or any(c in text for c in "*?[") else text


def find_project(start: Path | None = None) -> ProjectFile | None:
    """The nearest project file in a folder or above it.

    Args:
        start: The folder; ``None`` for the working folder.

    Raises:
        UsageError: If the file cannot be read or is not valid; it names the line.
    """
    folder = (start or Path.cwd()).resolve()
    path = next((p for f in (folder, *folder.parents) if (p := f / NAME).is_file()), None)
    return None if path is None else _read(path)


@cache
def _read(path: Path) -> ProjectFile:
    import tomllib

    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is larger than {MOST_BYTES // 1024} KiB", "shorten it")
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "correct that line") from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply", "correct it") from None
    return ProjectFile(path=path, project=_validated(path, text, given))


def _validated(path: Path, text: str, given: dict[str, Any]) -> Project:
    known = [field.alias or name for name, field in Project.model_fields.items()]
    for key in given:
        if key not in known:
            where = f"{path}:{line_of(text, key)}"
            raise UsageError(f"{where}: unknown key {key!r}", did_you_mean(key, known))
    try:
        return Project.model_validate(given)
    except ValidationError as error:
        place, reason = first_invalid(error)
        keys = [part for part in place.split(".") if not part.isdigit()]
        where = f"{path}:{line_of(text, keys[-1])}"
        raise UsageError(f"{where}: {place}: {reason}", "correct that line") from None


def line_of(text: str, key: str) -> int:
    """The line of a TOML text in which a key or table is set, counted from 1; 1 if not found."""
    quoted = rf"""["']?{re.escape(key)}["']?"""
    here = re.compile(rf"\s*(?:\[+\s*)?{quoted}\s*(?:[=.\]]|$)")
    numbers = (n for n, line in enumerate(text.splitlines(), start=1) if here.match(line))
    return next(numbers, 1)
