"""The judge's prompt as a file, and how its reply is read."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import Field

from evalsuite.errors import UsageError
from evalsuite.judging.judge import Messages
from evalsuite.paths import shipped_tasks
from evalsuite.schema import Frozen, digest
from evalsuite.yaml_file import YamlFile

PROMPT = "grit/judges/alpaca_eval_gpt4.yaml"
"""The prompt of AlpacaEval 1.0, among the task files."""

LONGEST_REPLY = 2000
"""Characters; a ranking has about 80, and a longer text is not given to a parser."""

DEEPEST_REPLY = 20
"""Brackets and signs in a row; a ranking has two."""

_FENCE = re.compile(r"\A```[a-z]*\n(.*?)\n?```\Z", re.DOTALL)
_NESTED = re.compile(rf"(?:[(\[{{+~-]\s*){{{DEEPEST_REPLY},}}")


class JudgePrompt(Frozen):
    """The judge's prompt, with ``{instruction}``, ``{output_1}`` and ``{output_2}`` to fill."""

    name: str
    system: str
    user: str
    max_tokens: int = Field(ge=1)
    temperature: float = Field(ge=0)

    @property
    def hash(self) -> str:
        """Hash of all of it."""
        return digest(self.model_dump(mode="json"))

    def fill(self, instruction: str, first: str, second: str) -> Messages:
        """The messages for one comparison.

        All places are filled in one pass: an answer that holds ``{output_2}`` stays as it is.
        """
        values = {"instruction": instruction, "output_1": first, "output_2": second}
        user = re.sub(r"\{(instruction|output_1|output_2)\}", lambda m: values[m[1]], self.user)
        return (("system", self.system), ("user", user))


@lru_cache(maxsize=1)
def load_prompt() -> JudgePrompt:
    """The prompt of ``alpaca_eval_gpt4``.

    Raises:
        UsageError: If its file is gone or damaged.
    """
    path = shipped_tasks() / PROMPT
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "install evalsuite again")
    file = YamlFile(path)
    return file.validate(JudgePrompt, file.mapping("a judge's prompt"))


def parse_ranking(reply: str) -> float | None:
    """How much of the win goes to ``model_1``, by a judge's reply.

    The reply is a list of ``{'model': 'model_1', 'rank': 1}`` as a Python or JSON literal,
    alone or as the only fenced block. Like alpaca-eval's ``ranking_parser``, the rank of
    ``model_1`` decides and must be 1 or 2; where ``model_2`` has the same rank, it is a tie.

    Args:
        reply: Any text.

    Returns:
        1.0, 0.5 or 0.0; ``None`` if the reply is not a ranking.
    """
    text = reply.strip()
    if fenced := _FENCE.match(text):
        text = fenced[1].strip()
    ranks: dict[str, int] = {}
    for entry in _entries(text):
        name, rank = entry.get("model"), entry.get("rank")
        if isinstance(name, str) and type(rank) is int and rank in (1, 2):
            ranks.setdefault(name, rank)
    first = ranks.get("model_1")
    if first is None:
        return None
    if ranks.get("model_2") == first:
        return 0.5
    return 1.0 if first == 1 else 0.0


def _entries(text: str) -> list[Mapping[str, Any]]:
    """The dictionaries of a list that is written as a literal; nothing is ever executed."""
    if len(text) > LONGEST_REPLY or _NESTED.search(text):
        return []
    for read in (ast.literal_eval, json.loads):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(found, list | tuple):
            return [entry for entry in found if isinstance(entry, dict)]
    return []
