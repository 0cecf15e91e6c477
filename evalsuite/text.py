"""Small operations on text: numbers and names on one line, and what UTF-8 can hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def number(value: float, decimals: int) -> str:
    """A number with fixed decimals and without a negative zero."""
    shown = f"{value:.{decimals}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown


def plain(text: str, longest: int | None = None) -> str:
    """One line without control characters (names and error messages come from outside).

    Args:
        text: Any text.
        longest: Characters kept; ``None`` for all.
    """
    # Cc and Cf hold escape sequences and direction overrides; both can forge what is read.
    spaced = " ".join(text.split())
    clean = "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf") else "\N{REPLACEMENT CHARACTER}"
        for c in spaced
    )
    if longest is not None and len(clean) > longest:
        return clean[: longest - 1] + "…"
    return clean


def word(text: str, longest: int = 80) -> str:
    """A text from outside as a signature can hold it: :func:`plain`, and without ``|``."""
    return plain(text.replace("|", "/"), longest)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names with commas; those after the first few are counted."""
    shown = ", ".join(names[:most])
    return f"{shown}, +{len(names) - most}" if len(names) > most else shown


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sort key that puts ``step-200`` before ``step-1000``."""
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(
        (not piece.isdigit(), int(piece) if piece.isdigit() else 0, piece)
        for piece in pieces
        if piece
    )


def width(text: str) -> int:
    """Columns that a text takes in a fixed-width font."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    combining = sum(unicodedata.combining(c) > 0 for c in text)
    return len(text) + wide - combining


def storable(text: str) -> str:
    """A text that can be written as UTF-8: each half of a surrogate pair becomes ``?``.

    A tokenizer may produce such halves, and JSON allows them.
    """
    return text.encode("utf-8", "replace").decode()
