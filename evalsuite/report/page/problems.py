"""What went wrong with a model's answer to a sample, as far as the store knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NO_ANSWER: Final = "no answer found"
REFUSED: Final = "refused"
KNOWN: Final = {
    "truncated": "truncated",
    "timed out": "timed out",
    "no ranking": NO_ANSWER,
    "no answer": NO_ANSWER,
    "room for": "does not fit the context",
    "the prompt does not fit": "does not fit the context",
}
"""How a stored problem begins → what the page calls it."""


def problems_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What went wrong with the answer to a sample; empty if nothing is known.

    A low score alone is nothing that went wrong: an answer was given, and it was understood.

    Args:
        row: The sample as the store has it.
    """
    parsed = row.get("parsed")
    found = []
    if parsed is False or (isinstance(parsed, list) and None in parsed):
        found.append(NO_ANSWER)
    problem = row.get("problem")
    # Whoever judges answers may decline to; other problems are named by the harness.
    other = REFUSED if "judgement" in row else "other problem"
    found += [
        next((name for start, name in KNOWN.items() if part.startswith(start)), other)
        for part in (problem.split("; ") if isinstance(problem, str) and problem else ())
    ]
    return tuple(dict.fromkeys(found))
