"""What reranking changed, as a record keeps it in its details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalsuite.schema import Frozen, Record

DETAIL = "difference"
"""Key of a record's details."""
BEFORE_SUFFIX = "_before"
"""End of a metric's name: the main metric as it was before reranking."""


class MeanChange(Frozen):
    """nDCG after reranking minus nDCG before, over the same queries."""

    delta: float
    low: float | None
    """Lower end of the 95 % interval (Student's t on the differences); ``None`` for one query."""
    high: float | None
    p: float
    """Two-sided p-value of a paired permutation test."""
    better: int
    """Queries with a higher nDCG after reranking."""
    worse: int
    equal: int


def stored_difference(record: Record) -> MeanChange | None:
    """What reranking changed; ``None`` for records of other tasks and for failed ones."""
    found: Mapping[str, Any] | None = record.details.get(DETAIL)
    return MeanChange.model_validate(found) if found and record.score is not None else None


def score_before(record: Record) -> float | None:
    """The score without reranking; ``None`` for records of other tasks and for failed ones."""
    return (
        record.metrics.get(f"{record.main_metric}{BEFORE_SUFFIX}")
        if record.score is not None
        else None
    )
