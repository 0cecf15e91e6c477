"""What files in lm-eval's own format say, read without lm-eval and without running their code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from evalsuite.errors import UsageError

MAX_INCLUDES = 20
"""Files that include one another."""


class FunctionName(str):
    """What ``!function`` names: a module and a function in it."""

    __slots__ = ()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads a file without importing the functions that it names."""


_Loader.add_constructor("!function", lambda _, node: FunctionName(node.value))


def read_config(path: Path) -> dict[str, Any]:
    """A file without what it includes.

    Raises:
        UsageError: If it is not YAML, or no mapping; names the line.
    """
    try:
        plain = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(plain, dict):
        raise UsageError(f"{path}:1: expected a mapping, in lm-eval's format of task files")
    return plain


def full_config(path: Path) -> dict[str, Any]:
    """A file with what it includes; its own keys count.

    Raises:
        UsageError: If one of the files is missing or not valid.
    """
    merged: dict[str, Any] = {}
    for plain in _chain(path):
        merged = plain | merged
    merged.pop("include", None)
    return merged


def function_files(value: Any, home: Path) -> Iterator[Path]:
    """Files of the functions that a config names.

    Args:
        value: The config, or a part of it.
        home: Folder of its file.
    """
    if isinstance(value, FunctionName):
        module = home / f"{value.rpartition('.')[0].replace('.', '/')}.py"
        if module.is_file():
            yield module.resolve()
    elif isinstance(value, dict):
        for item in value.values():
            yield from function_files(item, home)
    elif isinstance(value, list):
        for item in value:
            yield from function_files(item, home)


def _chain(path: Path) -> Iterator[dict[str, Any]]:
    """A file and what it includes, the keys of earlier ones count."""
    open_, count = [path], 0
    while open_:
        file = open_.pop(0)
        count += 1
        if count > MAX_INCLUDES:
            raise UsageError(f"{path}: more than {MAX_INCLUDES} files include one another")
        plain = read_config(file)
        yield plain
        included = plain.get("include") or []
        named = [included] if isinstance(included, str) else list(included)
        # lm-eval lets the last of several includes count.
        open_ = [*(file.parent / str(name) for name in reversed(named)), *open_]
