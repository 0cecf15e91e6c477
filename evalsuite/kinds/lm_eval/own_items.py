"""The items of a generative task on files of one's own, read and checked before a model is loaded.

Nothing here imports lm-eval: ``tasks validate`` and planning call it too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalsuite.data import groups_of, place
from evalsuite.errors import DataError
from evalsuite.kinds.lm_eval.choices import (
    BadItem,
    counted_from_one,
    read_choices,
    right_choices,
)
from evalsuite.kinds.lm_eval.expressions import Texts, choice_templates, read_as, render_all
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.shared.answers import references

Tables = Mapping[str, Sequence[Mapping[str, Any]]]
"""Role of a file → its rows, as read."""

HEADER: Final = "{{prompt | trim}}"
"""What a chat model's program is made to begin with."""


@dataclass(frozen=True, slots=True)
class OwnItem:
    """One row of a file."""

    key: str
    """Role and number, from 0: ``test/17``."""
    row: Mapping[str, Any]
    """As it was read, with the standard column names added."""
    texts: Texts
    group: str | None = None
    """What the item belongs to, where the file says so."""
    choices: tuple[str, ...] = ()
    right: tuple[int, ...] = ()
    """Multiple choice: indices of the right choices."""


class OwnItems:
    """The items of a task, by the role of their file."""

    def __init__(self, roles: Mapping[str, Sequence[OwnItem]]) -> None:
        self.roles = roles
        self._by_key = {item.key: item for items in roles.values() for item in items}

    def of(self, doc: Mapping[str, Any]) -> OwnItem:
        """The item that a row given to lm-eval stands for: it holds the key alone."""
        return self._by_key[doc["item"]]


def joined_prompt(task: LmEvalTask) -> str:
    """Template of a prompt with the answer's prefix, for models that continue a text."""
    return f"{task.prompt}\n{task.answer_prefix}"


def read_items(task: LmEvalTask, tables: Tables) -> OwnItems:
    """Render the templates with the rows, and check that every row can be asked and scored.

    Args:
        task: On files of its own.
        tables: The rows of these; they have the columns that the type needs.

    Raises:
        DataError: For the first row that cannot be scored, with file and line.
        UsageError: For a template that does not fit a row.
    """
    named = {role: read_as(task, rows) for role, rows in tables.items()}
    shots = named.get("shots", [])
    _check_shots(task, len(shots))
    if task.type == "code":
        for role, rows in named.items():
            _check_programs(task, role, rows)
    of_test, of_shots = render_all(task, named["test"], shots, _more(task))
    texts = {"test": of_test, "shots": of_shots}
    return OwnItems(
        {role: list(_items(task, role, tables[role], named[role], texts[role])) for role in named}
    )


def _more(task: LmEvalTask) -> dict[str, str]:
    """Templates that are not in the task file as they are."""
    if task.type == "code":
        return {"header": HEADER}
    if task.type == "multiple_choice" and task.answer_prefix:
        return {"prompt, answer_prefix": joined_prompt(task)}
    return {}


def _items(
    task: LmEvalTask,
    role: str,
    rows: Sequence[Mapping[str, Any]],
    named: Sequence[Mapping[str, Any]],
    texts: Sequence[Texts],
) -> Iterator[OwnItem]:
    assert task.data is not None
    path = task.data[role]
    groups = groups_of(rows, task.columns, path) if role == "test" else None
    used = len(rows) if role == "test" else task.shots or 0
    for number, (row, found) in enumerate(zip(named, texts, strict=True)):
        try:
            choices, right = _scored(task, role, found) if number < used else ((), ())
        except BadItem as bad:
            hint = bad.hint
            if task.type == "multiple_choice" and _from_one(task, texts):
                hint = "indices count from 0, the column from 1: target: '{{ column | int - 1 }}'"
            raise DataError(f"{place(path, number + 1)}: {bad}", hint) from None
        group = groups[number] if groups else None
        yield OwnItem(f"{role}/{number}", row, found, group, choices, right)


def _scored(task: LmEvalTask, role: str, texts: Texts) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Choices and right indices of a multiple-choice item; of others it checks the target.

    Raises:
        BadItem: If the item cannot be asked or scored.
    """
    if task.prompt is not None and not texts[task.prompt].strip():
        raise BadItem("the prompt is empty")
    if task.type == "multiple_choice":
        assert task.target is not None
        choices = _choices(task, texts)
        return choices, right_choices(texts[task.target], choices)
    shown = task.shot_target if role == "shots" and task.shot_target else task.target
    if shown is not None:
        _check_target(texts[shown])
    return (), ()


def _check_target(target: str) -> None:
    text = target.strip()
    if text in ("", "[]"):
        raise BadItem("the target is empty: no answer could be right")
    if text == "None":
        raise BadItem("the target is None: the column is null or missing in this row")
    if not all(answer.strip() for answer in references(target)):
        raise BadItem("one of the right answers is empty")


def _from_one(task: LmEvalTask, texts: Sequence[Texts]) -> bool:
    """Whether the targets of a file look like indices that begin with 1."""
    assert task.target is not None
    try:
        return counted_from_one(
            [(found[task.target], len(_choices(task, found))) for found in texts]
        )
    except BadItem:
        return False


def _choices(task: LmEvalTask, texts: Texts) -> tuple[str, ...]:
    given = [texts[template] for template in choice_templates(task)]
    return read_choices(given, one_list=isinstance(task.choices, str))


def _check_shots(task: LmEvalTask, there: int) -> None:
    assert task.data is not None
    wanted = task.shots or 0
    if wanted > there:
        raise DataError(f"{task.data['shots']}: {there} examples, but {wanted} are asked for")


def _check_programs(task: LmEvalTask, role: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Check the columns of a task of type ``code``."""
    assert task.data is not None
    used = len(rows) if role == "test" else task.shots or 0
    for number, row in enumerate(rows[:used], start=1):
        try:
            _check_program(row) if role == "test" else _check_example(row)
        except BadItem as bad:
            raise DataError(f"{task.data[role]}:{number}: {bad}", bad.hint) from None


def _check_program(row: Mapping[str, Any]) -> None:
    for column in ("prompt", "tests", "entry_point"):
        if not isinstance(row[column], str) or not row[column].strip():
            kind = "empty" if row[column] == "" else type(row[column]).__name__
            raise BadItem(f"{column!r} is {kind}, not a text", "join the lines of a list")
    if not row["entry_point"].strip().isidentifier():
        raise BadItem(f"'entry_point' is {row['entry_point']!r}, not the name of a function")
    try:
        ast.parse(row["tests"])
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise BadItem(f"'tests' is not Python: {error}") from None


def _check_example(row: Mapping[str, Any]) -> None:
    for column in ("prompt", "canonical_solution"):
        if not isinstance(row.get(column), str):
            raise BadItem(f"an example has no text {column!r}", "add it to the file of 'shots'")
