"""Marks of notes: one mark for each distinct text, in order of first use."""

from __future__ import annotations

from collections.abc import Callable

from evalsuite.report.model import Note
from evalsuite.report.text import listed

_LETTERS = "abcdefghijklmnoprstuvwxyz"  # without q, which has no superscript in Unicode
_SYMBOLS = "†‡§¶"


class Marks:
    """Hands out marks; the same text gets the same mark.

    Args:
        sequence: The mark of the n-th text, from 0.
    """

    def __init__(self, sequence: Callable[[int], str]) -> None:
        self._sequence = sequence
        self._about: dict[str, dict[str, None]] = {}
        self._marks: dict[str, str] = {}

    def mark(self, text: str, about: str = "") -> str:
        """The mark of a text.

        Args:
            text: What the note says.
            about: What it is said about here; the note names the first few of these.
        """
        mark = self._marks.setdefault(text, self._sequence(len(self._marks)))
        if about:
            self._about.setdefault(text, {})[about] = None
        return mark

    @property
    def notes(self) -> list[Note]:
        """All texts with their marks."""
        return [
            Note(mark=mark, text=f"{text} ({listed(list(about))})" if about else text)
            for text, mark in self._marks.items()
            for about in (self._about.get(text),)
        ]


def letter(index: int) -> str:
    """Letters: ``a`` to ``z``, then ``aa`` and so on."""
    turns, place = divmod(index, len(_LETTERS))
    return (letter(turns - 1) if turns else "") + _LETTERS[place]


def number(index: int) -> str:
    """Numbers from 1."""
    return str(index + 1)


def symbol(index: int) -> str:
    """Symbols: ``†``, ``‡``, ``§``, ``¶``, then doubled."""
    turns, place = divmod(index, len(_SYMBOLS))
    return _SYMBOLS[place] * (turns + 1)
