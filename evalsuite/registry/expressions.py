"""Checks of what task files bring along that is computed: templates and patterns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from evalsuite.errors import UsageError
from evalsuite.registry.models import Extract, Task

_TEMPLATES = ("prompt", "answer_prefix", "target", "shot_target")


def check_expressions(
    task: Task, rows: Sequence[Mapping[str, Any]], shots: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Render all templates of an own-data task with all rows, where they can do no harm.

    Args:
        task: The task.
        rows: Its test items, under the standard column names too.
        shots: Its examples; they are shown, not answered.

    Raises:
        UsageError: For a template or a pattern that is wrong or does not fit.
    """
    from evalsuite.templates import first_problem

    _check_pattern(task)
    templates = {key: text for key in _TEMPLATES if (text := getattr(task, key)) is not None}
    for number, choice in enumerate(_choices(task)):
        templates[f"choices.{number}"] = choice
    of_items = {key: text for key, text in templates.items() if key != "shot_target"}
    for given, examples in ((of_items, rows), (templates, shots)):
        if (problem := first_problem(given, examples)) is not None:
            key, row, why = problem
            at = f" (row {row})" if row else ""
            raise UsageError(
                f"task {task.name}: the template {key!r} is refused{at}: {why}",
                "correct it in the task file, or the names of columns in it",
            )


def read_as(task: Task, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as templates see them: all keys of the file, and the standard names."""
    keys = sorted({key for row in rows for key in row})
    named = [{key: row.get(key) for key in keys} for row in rows]
    for row in named:
        row.update({new: row[old] for new, old in task.columns.items() if old in row})
    return named


def _choices(task: Task) -> tuple[str, ...]:
    return (task.choices,) if isinstance(task.choices, str) else tuple(task.choices or ())


def _check_pattern(task: Task) -> None:
    if task.extract in get_args(Extract):
        return
    try:
        groups = re.compile(task.extract).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"task {task.name}: 'extract' is no regular expression: {error}", "correct it"
        ) from None
    if groups < 1:
        raise UsageError(
            f"task {task.name}: 'extract' has no group", "put the answer in parentheses"
        )
