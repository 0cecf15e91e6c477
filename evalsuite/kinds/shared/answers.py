"""Finding answers in generated text and comparing them: pure functions."""

from __future__ import annotations

import ast
import json
import re
import string
from collections import Counter
from collections.abc import Sequence

NUMBER = re.compile(r"[-+]?\d*\.\d+|\d+")
"""The GSM8K extraction of the GRIT paper's code (open-instruct, ``eval/gsm``)."""

FENCE = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)

CODE_STOP = ("\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif", "\nassert")
"""Stop strings of HumanEvalSynthesize in bigcode-evaluation-harness."""

IMPORTS = """\
import math
import re
import sys
import copy
import datetime
import itertools
import collections
import heapq
import statistics
import functools
import hashlib
import string
from typing import *
from collections import *
"""
"""Put before each program, as HumanEvalSynthesize does; without its NumPy, which the sandbox has
not."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def extract(text: str, how: str) -> str | None:
    """Find the answer in a model's output.

    Args:
        text: The output.
        how: ``all`` (the text without surrounding space), ``first_line`` (the first that is
            not empty), ``last_number`` (without thousands separators), ``code`` (the first
            fenced block, else all), or a regular expression with one group, of which the
            first match counts.

    Returns:
        The answer; ``None`` where there is none.
    """
    stripped = text.strip()
    if how == "all":
        return stripped or None
    if how == "first_line":
        return stripped.split("\n", 1)[0].strip() or None
    if how == "last_number":
        found = NUMBER.findall(re.sub(r"(?<=\d),(?=\d)", "", text))
        return found[-1] if found else None
    if how == "code":
        return code_block(text) or stripped or None
    match = re.search(how, text, re.DOTALL)
    return (match.group(1) or "").strip() or None if match else None


def code_block(text: str) -> str | None:
    """Content of the first fenced code block."""
    match = FENCE.search(text)
    return match.group(1) if match else None


def references(target: str) -> tuple[str, ...]:
    """The right answers that a target stands for.

    Args:
        target: One answer, or a JSON list of equally right ones.
    """
    if target.lstrip().startswith("["):
        try:
            listed = json.loads(target)
        except ValueError:
            return (target,)
        if listed and all(isinstance(item, str | int | float) for item in listed):
            return tuple(str(item) for item in listed)
    return (target,)


def normalize(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces."""
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(answer: str | None, right: Sequence[str]) -> float:
    """1 if the normalised answer equals one of the right ones, else 0.

    Two numbers are compared by value, so that ``8.0`` is ``8``.
    """
    if answer is None:
        return 0.0
    return float(any(_same(answer, candidate) for candidate in right))


def _same(answer: str, right: str) -> bool:
    mine, theirs = _number(answer), _number(right)
    if mine is not None and theirs is not None:
        return mine == theirs
    return normalize(answer) == normalize(right)


def _number(text: str) -> float | None:
    plain = text.strip().replace(",", "")
    return float(plain) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", plain) else None


def token_f1(answer: str | None, right: Sequence[str]) -> float:
    """SQuAD's F1 over bags of normalised tokens, the best over the right answers.

    ``F1 = 2PR / (P + R)`` with ``P`` and ``R`` the shares of common tokens; two empty texts
    agree (as in the script of SQuAD 2.0).
    """
    if answer is None:
        return 0.0
    return max(_f1(normalize(answer).split(), normalize(item).split()) for item in right)


def _f1(mine: Sequence[str], theirs: Sequence[str]) -> float:
    if not mine or not theirs:
        return float(mine == theirs)
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs))


def cut_code(continuation: str) -> str:
    """Body of the function that a prompt begins: up to a stop string or an unindented line.

    Args:
        continuation: What the model wrote after a function header and docstring.
    """
    ends = [at for stop in CODE_STOP if (at := continuation.find(stop)) >= 0]
    text = continuation[: min(ends)] if ends else continuation
    lines = text.split("\n")
    # The rest of the prompt's own last line, then indented or empty lines.
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() and not line[0].isspace():
            return "\n".join(lines[:number])
    return text


def given(prompt: str) -> str:
    """What a task's tests may use besides the function: common imports, and the prompt's helpers.

    Args:
        prompt: Code that ends in the header and docstring of the function.

    Returns:
        Python source; the imports alone where the prompt is not code by itself.
    """
    for source in (prompt, f"{prompt.rstrip()}\n    pass\n"):
        try:
            ast.parse(source)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return f"{IMPORTS}\n{source}"
    return IMPORTS


def program(prompt: str, response: str, entry_point: str) -> str:
    """The program that a model wrote: a fenced definition, or the prompt continued.

    Args:
        prompt: Function header and docstring.
        response: What the model wrote after it.
        entry_point: Name of the function.
    """
    block = code_block(response)
    definition = rf"^def\s+{re.escape(entry_point)}\b"
    if block is not None and re.search(definition, block, re.MULTILINE):
        return block
    return prompt + cut_code(response)
