"""Printing plain text to a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a text as it is: no markup, no colours for numbers and paths, no added line breaks.

    Args:
        console: Where to print.
        text: One or more lines.
        style: Colour and weight of the whole text, as rich names them.
    """
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
