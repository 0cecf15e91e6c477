"""Ways of using what was retrieved against each other, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evalsuite.kinds.rag.result import quality_result
from evalsuite.kinds.rag.task import BASELINES, CACHELESS, Method
from evalsuite.schema import Record

if TYPE_CHECKING:
    from evalsuite.stats import Difference

METRICS: Final = {"match": "Match", "exact_match": "EM", "f1": "F1"}
"""Metric → heading of its column."""
RIGHT_OR_WRONG: Final = ("match", "exact_match")
"""Metrics of which each question has a 0 or a 1."""


@dataclass(frozen=True, slots=True)
class Tested:
    """One metric of two methods."""

    difference: Difference | None
    p: float
    won: int
    """Questions on which the first method is better."""
    lost: int


def as_main(record: Record, metric: str) -> Record:
    """The record of a method with one of its metrics as score.

    Its standard error is that of the questions' mean; ``None`` where a record does not have the
    scores of its questions.
    """
    from evalsuite.stats import mean_se

    if metric == record.main_metric:
        return record
    values = _values(record, metric)
    error = mean_se(values) if values else None
    update = {"main_metric": metric, "score": record.metrics[metric], "stderr": error}
    return record.model_copy(update=update)


def method_tests(by_method: Mapping[Method, Record], name: str) -> Iterator[str]:
    """Each method against plain RAG in the same order, and caches against no caches.

    Match and exact match by McNemar's exact test, F1 by a permutation of signs; within each
    metric the p-values are adjusted after Holm.

    Args:
        by_method: The records of one checkpoint.
        name: Whose they are; empty where there is only one.

    Yields:
        Lines, a heading first; nothing where no two methods answered the same questions.
    """
    families = {
        "against RAG in the same order": BASELINES,
        "against the same tokens without a cache": CACHELESS,
    }
    for what, pairs in families.items():
        found = {
            method: tested
            for method, other in pairs.items()
            if (tested := _tested(by_method.get(method), by_method.get(other)))
        }
        if not found:
            continue
        whose = f"{name}: " if name else ""
        yield (
            f"{whose}{what}, points [95 % interval]; match and EM: McNemar's exact test, with "
            f"questions gained and lost; F1: permutation test; p after Holm over {len(found)}:"
        )
        adjusted = {metric: _holm(found, metric) for metric in METRICS}
        for number, (method, tested) in enumerate(found.items()):
            shown = [
                _shown(metric, tested[metric], adjusted[metric][number])
                for metric in METRICS
                if metric in tested
            ]
            yield f"{method}: {'; '.join(shown)}"


def _tested(one: Record | None, other: Record | None) -> dict[str, Tested]:
    """Metric → the first method against the other; empty unless the questions are the same."""
    from evalsuite.stats import mcnemar_p, mean_influence, paired, sign_flip_p

    if one is None or other is None or one.score is None or other.score is None:
        return {}
    found: dict[str, Tested] = {}
    for metric in METRICS:
        after, before = _values(one, metric), _values(other, metric)
        if not after or len(after) != len(before) or one.signature.data != other.signature.data:
            return {}
        changes = [a - b for a, b in zip(after, before, strict=True)]
        won, lost = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        found[metric] = Tested(
            difference=paired(
                sum(changes) / len(changes), mean_influence(before), mean_influence(after)
            ),
            p=mcnemar_p(won, lost) if metric in RIGHT_OR_WRONG else sign_flip_p(changes),
            won=won,
            lost=lost,
        )
    return found


def _values(record: Record, metric: str) -> Sequence[float]:
    """A metric of each question."""
    return quality_result(record).per_question.get(metric, ())


def _holm(found: Mapping[Method, Mapping[str, Tested]], metric: str) -> list[float]:
    from evalsuite.stats import holm

    return holm([tested[metric].p for tested in found.values()])


def _shown(metric: str, tested: Tested, p: float) -> str:
    text = METRICS[metric] if metric != "match" else metric
    if not tested.won and not tested.lost:
        return f"{text} the same on every question"  # an interval of no width would say more
    if tested.difference is not None:
        span = tested.difference.interval()
        text += f" {100 * tested.difference.delta:+.1f}"
        text += f" [{100 * span.low:+.1f}, {100 * span.high:+.1f}]"
    text += f", p = {p:.3f}" if p >= 0.0005 else ", p < 0.001"
    if metric in RIGHT_OR_WRONG:
        text += f" ({tested.won} gained, {tested.lost} lost)"
    return text
