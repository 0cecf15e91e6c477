"""Which part of a response is the program that a task of type ``code`` runs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from evalsuite.kinds.shared.answers import cut_code
from evalsuite.kinds.shared.thinking import without_thinking

_BLOCK: Final = re.compile(
    r"(?P<fence>`{3,}|~{3,})[^\n`~]*\n(?P<body>.*?)(?:^[ \t]*(?P=fence)|\Z)",
    re.DOTALL | re.MULTILINE,
)


def last_block(text: str) -> str | None:
    """Content of the last fenced block, ``` or ~~~; one that is not closed goes to the end."""
    found = None
    for found in _blocks(text):  # noqa: B007 - the last one counts
        pass
    return found


def program(prompt: str, response: str, entry_point: str) -> str:
    """The program that a model wrote.

    The first that there is of: the last fenced block outside thinking that defines the function;
    the prompt continued by the last block that begins indented, as the body of the function does;
    the prompt continued by the response, up to its first unindented line.

    Args:
        prompt: Function header and docstring.
        response: What the model wrote after it.
        entry_point: Name of the function.
    """
    visible = without_thinking(response.replace("\r\n", "\n"))
    name = re.escape(entry_point)
    defines = re.compile(rf"^(?:(?:async[ \t]+)?def[ \t]+{name}\b|{name}[ \t]*=[^=])", re.MULTILINE)
    blocks = list(_blocks(visible))
    for block in reversed(blocks):
        dedented = textwrap.dedent(block)
        if defines.search(dedented):
            return dedented
    for block in reversed(blocks):
        if block.strip("\n")[:1].isspace():
            return f"{prompt}\n{cut_code(block)}"
    return prompt + cut_code(visible)


def _blocks(text: str) -> Iterator[str]:
    for match in _BLOCK.finditer(text):
        yield match["body"]
