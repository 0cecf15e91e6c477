"""MMLU without examples (open-instruct, ``eval/mmlu/run_eval.py`` with ``--ntrain 0``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from evalsuite.kinds.lm_eval.grit.rows import GROUP, Row, named, table

LETTERS = ("A", "B", "C", "D")
QUICK = 10
"""Items of each subject in the quick variant."""


def full(dataset: Sequence[Row]) -> Any:
    """All items."""
    return table(row for _, row in _numbered(dataset))


def quick(dataset: Sequence[Row]) -> Any:
    """The first ten of each subject."""
    return table(row for number, row in _numbered(dataset) if number < QUICK)


def _numbered(dataset: Sequence[Row]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Items with their number inside their subject."""
    seen: Counter[str] = Counter()
    for row in dataset:
        subject = row["subject"]
        number = seen[subject]
        seen[subject] += 1
        kept = {key: row[key] for key in ("question", "choices", "answer")}
        yield number, named(kept, "mmlu", number, subject)


def prompt(row: Row) -> str:
    """The question; two spaces before the subject, as in the authors' code."""
    subject = "".join(f" {word}" for word in row[GROUP].split("_"))
    choices = "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(LETTERS, row["choices"], strict=True)
    )
    return (
        f"The following are multiple choice questions (with answers) about {subject}.\n\n"
        f"{row['question']}\n{choices}\nAnswer:"
    )
