"""A person's own Python function that scores answers: ``scorer`` under ``data`` of a task file."""

from __future__ import annotations

import ast
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, first_line

FUNCTION: Final = "score"
"""Name of the function, and of its metric."""

Function = Callable[[str, Sequence[str], Mapping[str, Any]], object]
"""From an answer (``""`` where none was found), the right answers and the row to a number."""


def check_function(path: Path) -> None:
    """Check that a file is Python and defines the function; nothing of it is run.

    Raises:
        DataError: If it is not, or does not.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", "correct 'scorer' in the task file") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not Python: {error}", "correct the file") from None
    if not any(isinstance(one, ast.FunctionDef) and one.name == FUNCTION for one in tree.body):
        raise DataError(
            f"{path}: defines no function {FUNCTION!r}",
            f"add: def {FUNCTION}(answer, right, row), which returns a number",
        )


def load_function(path: Path) -> Function:
    """The function of a file, which is run for it.

    Raises:
        DataError: If the file fails, or has no such function.
    """
    check_function(path)
    spec = importlib.util.spec_from_file_location(f"evalsuite_scorer_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _failed(path, "cannot be imported", error) from error
    found: Function = getattr(module, FUNCTION)
    return found


def value_of(
    function: Function, path: Path, answer: str | None, right: Sequence[str], row: Mapping[str, Any]
) -> float:
    """What the function gives an answer.

    Raises:
        DataError: If it fails, or gives no finite number.
    """
    try:
        given = function(answer or "", list(right), dict(row))
    except Exception as error:
        raise _failed(path, f"{FUNCTION} failed", error) from error
    if not isinstance(given, int | float) or not math.isfinite(given):
        raise DataError(f"{path}: {FUNCTION} gave {given!r}, not a number", "correct the function")
    return float(given)


def _failed(path: Path, what: str, error: Exception) -> DataError:
    return DataError(
        f"{path}: {what}: {type(error).__name__}: {first_line(error)}", "correct the file"
    )
