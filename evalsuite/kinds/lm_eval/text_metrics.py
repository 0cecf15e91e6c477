"""BLEU, chrF and ROUGE of answers to one's own data, as sacrebleu and rouge-score compute them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

CORPUS: Final = ("bleu", "chrf")
"""Computed from all answers together; 0 to 100."""
ROUGE: Final = ("rouge1", "rouge2", "rougeL")
"""Of each answer: 100 × F-measure, the best over the right answers."""

Item = tuple[list[str], str]
"""The right answers, and the answer."""


def corpus_item(answer: str | None, right: Sequence[str], most: int) -> Item:
    """What an answer adds to a metric of all answers.

    Args:
        answer: The answer; ``None`` where none was found.
        right: The right answers.
        most: The most right answers that any item has: the first is repeated where there are
            fewer, which changes neither BLEU nor chrF.
    """
    return [*right, *[right[0]] * (most - len(right))], answer or ""


def rouge(answer: str | None, right: Sequence[str]) -> dict[str, float]:
    """ROUGE of one answer: 100 × F-measure, by rouge-score without stemming."""
    found = _scorer().score_multi(list(right), answer or "")
    return {name: 100.0 * float(found[name].fmeasure) for name in ROUGE}


def config_of(metric: str) -> dict[str, Any]:
    """A metric as lm-eval's task files have it; of those in :data:`CORPUS` it bootstraps errors."""
    aggregation = metric if metric in CORPUS else "mean"
    return {"metric": metric, "aggregation": aggregation, "higher_is_better": True}


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE), use_stemmer=False)
