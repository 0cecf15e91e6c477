"""Scoring by exact match, as ``evaluate``'s ``exact_match`` does it for the authors."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalsuite.kinds.lm_eval.grit.rows import Row

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def same(answer: str, right: str) -> bool:
    """Whether two texts are equal, ignoring case and ASCII punctuation, but not spaces.

    Numbers are compared as text: ``18.00`` becomes ``1800`` and is not ``18``.
    """
    return _plain(answer) == _plain(right)


def _plain(text: str) -> str:
    return text.lower().translate(_PUNCTUATION)


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """Scores one answer; what cannot be parsed is compared as a whole, and counted.

    Attributes:
        find: Finds the answer in an output; ``None`` where there is none.
    """

    find: Callable[[str], str | None]

    def extract(self, response: str) -> str | None:
        """The answer in a response."""
        return self.find(response)

    def __call__(self, row: Row, results: Sequence[str]) -> dict[str, float]:
        """Metrics of one item.

        Args:
            row: The item; ``target`` is the right answer.
            results: The response, alone in a list.
        """
        answer = self.find(results[0])
        compared = results[0].strip() if answer is None else answer
        return {
            "exact_match": float(same(compared, str(row["target"]))),
            "unparsed": float(answer is None),
        }
