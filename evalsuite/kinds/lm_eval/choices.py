"""Choices of a multiple-choice item, and which of them are right."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Final

_LETTER: Final = re.compile(r"\(?([A-Za-z])[.)]?")
_INTEGER: Final = re.compile(r"[-+]?\d{1,9}")


class BadItem(ValueError):  # noqa: N818 - said of a row
    """An item whose choices or right answers cannot be scored; the text says why.

    Attributes:
        hint: What to do about it.
    """

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.hint = hint


def read_choices(texts: Sequence[str], *, one_list: bool) -> tuple[str, ...]:
    """The choices of an item.

    Args:
        texts: What the templates of ``choices`` gave.
        one_list: Whether that is one text which holds a list, as Python or JSON writes it.

    Raises:
        BadItem: If it is not a list of at least two different texts or numbers.
    """
    listed = _list_in(texts[0]) if one_list else list(texts)
    if listed is None:
        why = f"'choices' gives no list but {_short(texts[0])}"
        raise BadItem(why, "write {{ column | tojson }}, or a list in the task file")
    for item in listed:
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise BadItem(f"a choice is {item!r}, not a text")
    found = tuple(map(str, listed))
    if len(found) < 2:
        raise BadItem(f"there is only {len(found)} choice", "an item needs two or more")
    for place, choice in enumerate(found):
        if not choice.strip():
            raise BadItem(f"choice {place} is empty")
        if choice.strip() in (other.strip() for other in found[:place]):
            raise BadItem(f"the choice {_short(choice)} occurs twice", "take one away")
    return found


def right_choices(target: str, choices: Sequence[str]) -> tuple[int, ...]:
    """Indices of the right choices.

    Args:
        target: The index of a choice (from 0), its text, or its letter where no choice has that
            text; or a list of these, all of them right.
        choices: At least two, all different.

    Raises:
        BadItem: If it names no choice, or could mean two.
    """
    places = [choice.strip() for choice in choices]
    text = target.strip()
    listed = _list_in(text) if text.startswith("[") and text not in places else None
    if listed is None:
        return (_right_choice(text, places),)
    if not listed:
        raise BadItem("the target is an empty list: no choice is right")
    return tuple(dict.fromkeys(_right_choice(str(item).strip(), places) for item in listed))


def counted_from_one(targets: Sequence[tuple[str, int]]) -> bool:
    """Whether a column of targets looks like indices that begin with 1.

    Args:
        targets: Target and number of choices of each item.
    """
    numbers = [(int(text), n) for text, n in targets if _INTEGER.fullmatch(text.strip())]
    return (
        len(numbers) == len(targets)
        and all(1 <= index <= n for index, n in numbers)
        and any(index == n for index, n in numbers)
    )


def _right_choice(text: str, choices: Sequence[str]) -> int:
    if not text:
        raise BadItem("the target is empty")
    named = choices.index(text) if text in choices else None
    if _INTEGER.fullmatch(text):
        index = int(text)
        within = 0 <= index < len(choices)
        if named is not None and within and named != index:
            both = f"the text of choice {named} and the index of {choices[index]!r}"
            raise BadItem(
                f"the target {text!r} is {both}",
                "give letters, of indices: target: \"{{ 'ABCDEFGHIJ'[column | int] }}\"",
            )
        if named is None and not within:
            raise BadItem(f"the target {text} is not an index from 0 to {len(choices) - 1}")
        return index if named is None else named
    if named is not None:
        return named
    letter = _LETTER.fullmatch(text)
    if letter is None:
        raise BadItem(f"the target {_short(text)} is not a choice: {_some(choices)}")
    index = ord(letter[1].upper()) - ord("A")
    alike = [place for place, choice in enumerate(choices) if choice.casefold() == text.casefold()]
    if alike and alike != [index]:
        raise BadItem(
            f"the target {text!r} is a letter, and nearly the text of choice {alike[0]}",
            "give indices, from 0",
        )
    if index >= len(choices):
        last = chr(ord("A") + len(choices) - 1)
        raise BadItem(f"the target {text!r} is not a letter from A to {last}, nor a choice")
    return index


def _list_in(text: str) -> list[object] | None:
    """The list that a text holds, as JSON or Python writes it; ``None`` if it holds none."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return list(found) if isinstance(found, list | tuple) else None
    return None


def _some(choices: Sequence[str]) -> str:
    shown = ", ".join(_short(choice) for choice in choices[:4])
    return shown + (" …" if len(choices) > 4 else "")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
