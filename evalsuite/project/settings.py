"""Defaults of options: from the environment, else from the project file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evalsuite import settings
from evalsuite.errors import did_you_mean
from evalsuite.project.file import ProjectFile, find_project

Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A default that a team can set."""

    key: str
    """In the project file."""
    flag: str
    """Of the option; an option with this name is that option."""
    path: bool = False
    """Whether a value from the project file is a path below its folder."""
    many: str = ""
    """What separates several values in a variable; empty for a single value."""
    only: tuple[str, ...] = ()
    """The commands that it is for; all that have the option without any."""
    never: tuple[str, ...] = ()
    """Commands that it is not for."""

    @property
    def variable(self) -> str:
        """Its variable, such as ``EVALSUITE_TASKS_DIR``."""
        return f"EVALSUITE_{self.key.upper().replace('-', '_')}"


SETTINGS: Final = (
    Setting("suite", "--suite", never=("claims",)),
    Setting("store", "--results", path=True),
    Setting("baselines", "--baselines", path=True),
    Setting("reports", "--reports", path=True),
    Setting("policy", "--policy", only=("check", "watch")),
    Setting("baseline", "--baseline", only=("check", "watch")),
    Setting("tasks-dir", "--tasks-dir", path=True, many=os.pathsep),
    Setting("data", "--data", path=True),
    Setting("log", "--log", many=","),
)


@dataclass(frozen=True, slots=True)
class Given:
    """The value of a setting, and where it comes from."""

    setting: Setting
    value: Value
    source: str
    """The variable, or the project file."""


def given(
    environment: Mapping[str, str] = os.environ, project: ProjectFile | None = None
) -> dict[str, Given]:
    """Key → value of all settings that the environment or the project file gives.

    Args:
        environment: Goes before the project file.
        project: The project file, if there is one.
    """
    found = ((one.key, _given(one, environment, project)) for one in SETTINGS)
    return {key: value for key, value in found if value is not None}


def _given(
    setting: Setting, environment: Mapping[str, str], project: ProjectFile | None
) -> Given | None:
    if text := environment.get(setting.variable, "").strip():
        parts = text.split(setting.many) if setting.many else ()
        several = tuple(part.strip() for part in parts if part.strip())
        return Given(setting, several if setting.many else text, setting.variable)
    value = project.value(setting.key) if project else None
    if project is None or value is None:
        return None
    if setting.path:
        one = isinstance(value, str)
        value = project.inside(value) if one else tuple(map(project.inside, value))  # type: ignore[arg-type]
    elif setting.key == "policy" and isinstance(value, str) and value.endswith((".yaml", ".yml")):
        value = project.inside(value)
    return Given(setting, value, str(project.path))


def unknown_variables(environment: Mapping[str, str] = os.environ) -> Iterator[tuple[str, str]]:
    """Variables ``EVALSUITE_…`` that nothing reads, each with the nearest known name."""
    known = {one.variable for one in SETTINGS}
    for value in vars(settings).values():
        several = value if isinstance(value, tuple) else (value,)
        known |= {one for one in several if isinstance(one, str) and one.startswith("EVALSUITE_")}
        if isinstance(value, settings.Number):
            known.add(value.variable)
    for name in sorted(environment):
        if name.startswith("EVALSUITE_") and name not in known:
            yield name, did_you_mean(name, known)


def expanded(checkpoints: tuple[str, ...], start: Path | None = None) -> tuple[str, ...]:
    """Checkpoints with the lists of the project file in the place of ``@NAME``.

    Raises:
        UsageError: If a list is not there, or there is no project file.
    """
    if not any(text.startswith("@") for text in checkpoints):
        return checkpoints
    from evalsuite.errors import UsageError

    project = find_project(start)
    found: list[str] = []
    for text in checkpoints:
        if not text.startswith("@"):
            found.append(text)
        elif project is None:
            what = f"--ckpt {text} names a list, and there is no evalsuite.toml"
            raise UsageError(what, "write one, or name the checkpoint")
        else:
            found += project.checkpoint_list(text[1:])
    return tuple(found)
