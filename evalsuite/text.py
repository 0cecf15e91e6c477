"""Small operations on text."""

from __future__ import annotations


def storable(text: str) -> str:
    """A text that can be written as UTF-8: each half of a surrogate pair becomes ``?``.

    A tokenizer may produce such halves, and JSON allows them.
    """
    return text.encode("utf-8", "replace").decode()
