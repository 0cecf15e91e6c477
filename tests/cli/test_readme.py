"""README's commands are command lines of this version: names, options and values."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from evalsuite.cli.app import application

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tasks.md", "docs/check.md")


def command_lines(page: str) -> list[list[str]]:
    """Words of each line that runs evalsuite in a block for a shell, without comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("evalsuite ")]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one(page: str) -> None:
    lines = [words for words in command_lines(page) if "…" not in words]
    assert lines
    for words in lines:
        parse(typer.main.get_command(application()), words)


def test_a_command_that_is_none_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option: --ckptt"):
        parse(typer.main.get_command(application()), ["run", "--ckptt", "x"])


def parse(command: Any, words: list[str]) -> None:
    """Read a command line as the program does, without running it; raises what it would refuse."""
    context = command.make_context("evalsuite", list(words))
    rest = [*getattr(context, "_protected_args", ()), *context.args]
    if rest and hasattr(command, "resolve_command"):
        _, inner, remaining = command.resolve_command(context, rest)
        parse(inner, remaining)
