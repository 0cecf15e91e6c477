"""GSM8K, 8-shot chain of thought (open-instruct, ``eval/gsm/run_eval.py``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from evalsuite.errors import DataError
from evalsuite.kinds.lm_eval.grit.rows import Row, generator, named, shots_of, table
from evalsuite.kinds.lm_eval.grit.scoring import ExactMatch

ROWS = 1319
SAMPLE = 200
SHOTS_FILE = "gsm8k/gsm8k-cot.yaml"

_COMMA = re.compile(r"(\d),(\d)")
_NUMBER = re.compile(r"[-+]?\d*\.\d+|\d+")


def sampled(dataset: Sequence[Row]) -> Any:
    """The 200 items that the authors drew, in their order."""
    if len(dataset) != ROWS:
        raise DataError(f"GSM8K has {ROWS} test rows, not {len(dataset)}", "check the data set")
    return _rows(dataset, generator().sample(range(ROWS), SAMPLE))


def full(dataset: Sequence[Row]) -> Any:
    """All items."""
    return _rows(dataset, range(len(dataset)))


def _rows(dataset: Sequence[Row], picks: Iterable[int]) -> Any:
    chosen = ((number, dataset[number]) for number in picks)
    return table(
        named({"question": row["question"], "target": right_answer(row["answer"])}, "gsm8k", number)
        for number, row in chosen
    )


def right_answer(solution: str) -> str:
    """The number behind ``####``, without thousands separators."""
    return _without_commas(solution.split("####")[1].strip())


def _without_commas(text: str) -> str:
    # Not a lookbehind: of ``1,2,3`` the authors' expression removes one comma only.
    return _COMMA.sub(r"\1\2", text)


@cache
def prefix() -> str:
    """What stands before each question: the instruction and the eight worked examples.

    lm-eval ships the examples of Wei et al.; theirs end with "The answer is", the authors' with
    "So the answer is".
    """
    _, shots = shots_of(SHOTS_FILE)
    worked = (
        f"Question: {shot['question']}\n"
        f"Answer: {shot['target'].replace('The answer is', 'So the answer is')}"
        for shot in shots
    )
    return "\n\n".join(("Answer the following questions.", *worked, ""))


def chat_prompt(row: Row) -> str:
    """What the user says; the answer is made to begin with ``Answer:``."""
    return f"{prefix()}Question: {row['question'].strip()}"


def base_prompt(row: Row) -> str:
    """The text that a base model continues."""
    return f"{chat_prompt(row)}\nAnswer:"


def find_answer(output: str) -> str | None:
    """The last number of an output."""
    numbers = _NUMBER.findall(_without_commas(output))
    return numbers[-1] if numbers else None


score = ExactMatch(find_answer)
