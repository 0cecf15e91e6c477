"""Printing plain text to a terminal, and documents for programs."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a text as it is: no markup, no colours for numbers and paths, no added line breaks.

    Args:
        console: Where to print.
        text: One or more lines.
        style: Colour and weight of the whole text, as rich names them.
    """
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def print_document(document: BaseModel) -> None:
    """Print a document as one line of JSON on standard output.

    Args:
        document: What is printed. A number that is not finite becomes ``null``, and every
            character that is not ASCII an escape: the line is the same in every locale.
    """
    plain = _finite(document.model_dump())
    sys.stdout.write(json.dumps(plain, allow_nan=False) + "\n")
    sys.stdout.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
