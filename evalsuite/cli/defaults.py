"""Settings of the environment and the project file as defaults of options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from evalsuite.project.file import find_project
from evalsuite.project.settings import Given, given

INSTEAD_OF_SUITE: Final = ("--tasks", "--layout")
"""Options that name tasks in another way: where one is typed, the suite of a setting is not
taken."""

CHECKS: Final = ("check", "watch")


def default_map(command: Any, words: Sequence[str]) -> dict[str, Any]:
    """Defaults as typer's contexts take them: command → parameter → value.

    Args:
        command: The group of all commands that were built.
        words: The command line.

    Raises:
        UsageError: If the project file is not valid.
    """
    found = given(project=find_project())
    if _typed(words, INSTEAD_OF_SUITE):
        found.pop("suite", None)
    return {
        name: _of(inner, name, words, found.values())
        for name, inner in getattr(command, "commands", {}).items()
    }


def _of(command: Any, name: str, words: Sequence[str], found: Iterable[Given]) -> dict[str, Any]:
    keys = {one.setting.key for one in found}
    by_policy = "policy" in keys or _typed(words, ("--policy",))
    checked = "baseline" in keys or _typed(words, ("--baseline",))
    values: dict[str, Any] = {}
    for one in found:
        setting = one.setting
        if name in setting.never or (setting.only and name not in setting.only):
            continue
        if setting.key == "suite" and by_policy and name in CHECKS:  # a policy names its suite
            continue
        if setting.key == "policy" and not checked:  # it says nothing without a baseline
            continue
        for parameter in command.params:
            if setting.flag in parameter.opts:
                values[parameter.name] = _value(one, several=parameter.multiple)
    for inner_name, inner in getattr(command, "commands", {}).items():
        values[inner_name] = _of(inner, name, words, found)
    return values


def _value(one: Given, *, several: bool) -> str | list[str]:
    """A value as the option takes it: repeated, or a list separated by commas."""
    if isinstance(one.value, str):
        return [one.value] if several else one.value
    return list(one.value) if several else ",".join(one.value)


def _typed(words: Sequence[str], options: Sequence[str]) -> bool:
    return any(word == one or word.startswith(f"{one}=") for word in words for one in options)
