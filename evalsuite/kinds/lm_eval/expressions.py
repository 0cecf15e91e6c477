"""The templates and patterns of a task file, rendered where they can do no harm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from evalsuite.errors import UsageError
from evalsuite.kinds.lm_eval.task import Extract, LmEvalTask
from evalsuite.templates.renderer import MAX_CHARACTERS, BadTemplateError, Renderer

_TEMPLATES = ("prompt", "answer_prefix", "target", "shot_target")

Texts = dict[str, str]
"""Template, as it stands in the task file → what it makes of a row."""


def render_all(
    task: LmEvalTask,
    rows: Sequence[Mapping[str, Any]],
    shots: Sequence[Mapping[str, Any]] = (),
    more: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[Texts], list[Texts]]:
    """Render all templates of an own-data task with all rows, as they were read.

    A template that is the name of a column and nothing else stands for the column.

    Args:
        task: The task.
        rows: Its test items, under the standard column names too.
        shots: Its examples; they are shown, not answered.
        more: Further templates that are to be ready, by any name.

    Returns:
        What the templates make of each row and of each example.

    Raises:
        UsageError: For a template or a pattern that is wrong or does not fit.
    """
    _check_pattern(task)
    templates = {key: text for key in _TEMPLATES if (text := getattr(task, key)) is not None}
    for number, choice in enumerate(choice_templates(task)):
        templates[f"choices.{number}"] = choice
    templates |= more
    of_items = {key: text for key, text in templates.items() if key != "shot_target"}
    found: list[list[Texts]] = [list(_rendered(task, of_items, rows)), []]
    if shots or task.shot_target is not None:  # a process is started for them
        found[1] = list(_rendered(task, templates, shots))
    letters = sum(len(text) for texts in (*found[0], *found[1]) for text in texts.values())
    if letters > MAX_CHARACTERS:
        raise _too_much(task)
    return found[0], found[1]


def _rendered(
    task: LmEvalTask, templates: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> Iterator[Texts]:
    letters = 0
    try:
        with Renderer(templates) as renderer:
            for row, found in zip(rows, renderer.texts(rows), strict=True):
                yield {
                    source: str(row[source]) if source in row else found[key]
                    for key, source in templates.items()
                }
                letters += sum(map(len, found.values()))
                if letters > MAX_CHARACTERS:
                    raise _too_much(task)
    except BadTemplateError as problem:
        at = f" (row {problem.row})" if problem.row else ""
        raise UsageError(
            f"task {task.name}: the template {problem.key!r} is refused{at}: {problem.why}",
            "correct it in the task file, or the names of columns in it",
        ) from None


def _too_much(task: LmEvalTask) -> UsageError:
    return UsageError(
        f"task {task.name}: its templates make more than {MAX_CHARACTERS >> 20} Mi characters",
        "use fewer rows, or shorter texts",
    )


def read_as(task: LmEvalTask, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as templates see them: all keys of the file, and the standard names."""
    keys = sorted({key for row in rows for key in row})
    named = [{key: row.get(key) for key in keys} for row in rows]
    for row in named:
        row.update({new: row[old] for new, old in task.columns.items() if old in row})
    return named


def choice_templates(task: LmEvalTask) -> tuple[str, ...]:
    """The templates of ``choices``: one that gives a list, or one for each choice."""
    return (task.choices,) if isinstance(task.choices, str) else tuple(task.choices or ())


def _check_pattern(task: LmEvalTask) -> None:
    if task.extract in get_args(Extract):
        return
    try:
        groups = re.compile(task.extract).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"task {task.name}: invalid regular expression in 'extract': {error}", "correct it"
        ) from None
    if groups < 1:
        raise UsageError(
            f"task {task.name}: 'extract' has no group", "put the answer in parentheses"
        )
