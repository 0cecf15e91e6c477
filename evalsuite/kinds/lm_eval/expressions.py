"""Checks of the templates and patterns in task files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.lm_eval.task import Extract, LmEvalTask
from evalsuite.templates.renderer import MAX_CHARACTERS, BadTemplateError, Renderer

_TEMPLATES = ("prompt", "answer_prefix", "target", "shot_target")


def check_expressions(
    task: LmEvalTask, rows: Sequence[Mapping[str, Any]], shots: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Render all templates of an own-data task with all rows, where they can do no harm.

    Args:
        task: The task.
        rows: Its test items, under the standard column names too.
        shots: Its examples; they are shown, not answered.

    Raises:
        UsageError: For a template or a pattern that is wrong or does not fit.
    """
    render_all(task, rows, shots)


def render_all(
    task: LmEvalTask,
    rows: Sequence[Mapping[str, Any]],
    shots: Sequence[Mapping[str, Any]] = (),
    more: Mapping[str, str] = MappingProxyType({}),
) -> RenderedTexts:
    """As :func:`check_expressions`; the texts are kept, so that nothing need be rendered again.

    Args:
        task: The task.
        rows: Its test items.
        shots: Its examples.
        more: Further templates that are to be ready, by any name.
    """
    _check_pattern(task)
    templates = {key: text for key in _TEMPLATES if (text := getattr(task, key)) is not None}
    for number, choice in enumerate(_choices(task)):
        templates[f"choices.{number}"] = choice
    templates |= more
    of_items = {key: text for key, text in templates.items() if key != "shot_target"}
    texts = RenderedTexts()
    letters = 0
    for given, examples in ((of_items, rows), (templates, shots)):
        try:
            with Renderer(given) as renderer:
                for row, found in zip(examples, renderer.texts(examples), strict=True):
                    texts.add(row, {given[key]: text for key, text in found.items()})
                    letters += sum(map(len, found.values()))
                    if letters > MAX_CHARACTERS:
                        raise UsageError(
                            f"task {task.name}: its templates make more than "
                            f"{MAX_CHARACTERS >> 20} Mi characters",
                            "use fewer rows, or shorter texts",
                        )
        except BadTemplateError as problem:
            at = f" (row {problem.row})" if problem.row else ""
            raise UsageError(
                f"task {task.name}: the template {problem.key!r} is refused{at}: {problem.why}",
                "correct it in the task file, or the names of columns in it",
            ) from None
    return texts


class RenderedTexts:
    """What the templates of a task make of its rows."""

    def __init__(self) -> None:
        self._texts: dict[bytes, dict[str, str]] = {}

    def add(self, row: Mapping[str, Any], found: Mapping[str, str]) -> None:
        """Keep the texts of a row: template → text."""
        self._texts.setdefault(_content(row), {}).update(found)

    def text(self, template: str, row: Mapping[str, Any]) -> str:
        """What a template made of a row.

        Raises:
            DataError: If it was never rendered with it.
        """
        try:
            return self._texts[_content(row)][template]
        except KeyError:
            raise DataError("a row is not what the templates were rendered with") from None


def _content(row: Mapping[str, Any]) -> bytes:
    plain = json.dumps(dict(row), sort_keys=True, default=repr)
    return hashlib.sha256(plain.encode()).digest()


def read_as(task: LmEvalTask, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as templates see them: all keys of the file, and the standard names."""
    keys = sorted({key for row in rows for key in row})
    named = [{key: row.get(key) for key in keys} for row in rows]
    for row in named:
        row.update({new: row[old] for new, old in task.columns.items() if old in row})
    return named


def _choices(task: LmEvalTask) -> tuple[str, ...]:
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
