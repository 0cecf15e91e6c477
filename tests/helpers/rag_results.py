"""What records of kind ``rag`` keep in ``raw``, with given figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalsuite.kinds.rag.result import (
    LatencyResult,
    QualityResult,
    Saving,
    Storage,
    TimedCell,
)
from evalsuite.kinds.rag.task import Method
from evalsuite.schema import Record


def with_quality(record: Record, method: Method, each: dict[str, Sequence[float]]) -> Record:
    """The record as one of a method; ``each`` has every metric of each question."""
    found = QualityResult(
        method=method,
        documents=3,
        mean_tokens=20.0,
        per_question={metric: tuple(values) for metric, values in each.items()},
    )
    task = {**record.task, "rag": {"method": method}}
    return record.model_copy(update={"task": task, "raw": found.model_dump(mode="json")})


def with_latency(
    record: Record,
    lengths: Sequence[int],
    cells: Sequence[TimedCell] = (),
    **savings: Saving,
) -> Record:
    """The record as one of latencies, with the storage of the paper's Table 7.

    Args:
        record: Any.
        lengths: As in :class:`LatencyResult`.
        cells: Likewise.
        savings: By method and sample, with ``_`` for ``-`` and space.
    """
    found = LatencyResult(
        lengths=tuple(lengths),
        cells=tuple(cells),
        savings={_named(name): saving for name, saving in savings.items()},
        storage=Storage(
            bytes_per_token=131072,
            document_tokens=4000,
            document_bytes=524_288_000,
            index_bytes_per_document=4096 * 4,
            corpus="Natural Questions",
            corpus_documents=2_681_468,
            corpus_tokens=95,
            index_bytes=2_681_468 * 4096 * 4,
            caches_bytes=2_681_468 * 95 * 131072,
        ),
        new_tokens=16,
        searched=10_000,
        cache_read_from_disk=True,
    )
    update: dict[str, Any] = {"task": {**record.task, "rag": {"latency": {}}}}
    return record.model_copy(update=update | {"raw": found.model_dump(mode="json")})


def saving(median: float, low: float, high: float, n: int) -> Saving:
    """What document caching saves of plain RAG's time."""
    return Saving(against="doc-query", median=median, low=low, high=high, level=0.95, n=n)


def timed(method: Method, query: int, document: int, median: float) -> TimedCell:
    """A cell whose interval reaches 0.1 s to both sides."""
    span = {"low": median - 0.1, "high": median + 0.1, "level": 0.95, "n": 6}
    return TimedCell(
        method=method, query=query, document=document, median=median, phases={}, **span
    )


def _named(name: str) -> str:
    method, _, sample = name.rpartition("_")
    return f"{method.replace('_', '-')} {sample}"
