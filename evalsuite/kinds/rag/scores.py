"""Metrics of short answers, as in the GRIT authors' ``rag/evaluation.py``."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.kinds.shared.answers import normalize, token_f1

METRICS = ("match", "exact_match", "f1")


def score(answer: str, right: Sequence[str]) -> dict[str, float]:
    """Compare an answer with the right ones; the best of them counts.

    All texts are normalised as for SQuAD: lower case, no punctuation, no articles, single spaces.

    Args:
        answer: What the model wrote.
        right: Equally right answers.

    Returns:
        ``match``: 1 if a right answer is somewhere in the answer; ``exact_match``: 1 if it is the
        answer; ``f1``: of the bags of words.
    """
    mine = normalize(answer)
    wanted = [theirs for item in right if (theirs := normalize(item))]
    return {
        "match": float(any(theirs in mine for theirs in wanted)),
        "exact_match": float(mine in wanted),
        "f1": token_f1(answer, right),
    }
