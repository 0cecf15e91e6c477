"""What a task of kind ``rag`` reports, as a record keeps it in ``raw``.

The harness writes these models; tables, figures and claims read them back with
:func:`quality_result` and :func:`latency_result`.
"""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalsuite.errors import StoreError
from evalsuite.kinds.rag.task import Method
from evalsuite.schema import Record
from evalsuite.stats.medians import Median

ResultT = TypeVar("ResultT", bound=BaseModel)


class Result(BaseModel):
    """Immutable; keys of other versions of evalsuite are ignored when a record is read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class QualityResult(Result):
    """One row of Table 7: how well questions are answered with one method."""

    method: Method
    documents: int
    """Size of the corpus."""
    mean_tokens: float
    """Mean length of what the model reads for a question, cached tokens included."""
    per_question: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Metric → its value for each question. Records written before this was stored have none."""


class MeasuredMedian(Result):
    """A median with its interval; the unit is that of the measured values."""

    median: float
    low: float
    high: float
    level: float
    """Coverage of the interval; 0 where there are too few values for one."""
    n: int
    """Number of values."""


class TimedCell(MeasuredMedian):
    """Seconds of an answer with one method at one length of question and document."""

    method: Method
    query: int
    """Tokens of the question."""
    document: int
    """Tokens of the document."""
    phases: dict[str, MeasuredMedian]
    """Phase → its seconds."""


class Saving(MeasuredMedian):
    """Share of the time of another method that a method saves; negative where it is slower."""

    against: Method


class Storage(Result):
    """Bytes of the index and of the caches of documents."""

    bytes_per_token: int
    document_tokens: int
    """Length of the longest document measured, format included."""
    document_bytes: int
    """Size of that document's cache on the disk."""
    index_bytes_per_document: int
    corpus: str
    """Name of the corpus that the totals are for."""
    corpus_documents: int
    corpus_tokens: int
    """Mean length of its documents."""
    index_bytes: int
    caches_bytes: int


class LatencyResult(Result):
    """Seconds per answer over a grid of lengths: Figure 5."""

    lengths: tuple[int, ...] = Field(min_length=1)
    """Tokens of the longer of question and document; the other has one."""
    cells: tuple[TimedCell, ...]
    savings: dict[str, Saving]
    """``METHOD SAMPLE`` → time saved; sample ``A`` has the longest document, ``B`` the longest
    question. See :meth:`saving`."""
    storage: Storage
    new_tokens: int
    """Tokens of each answer."""
    searched: int
    """Vectors in the index that is searched."""
    cache_read_from_disk: bool
    """Whether caches were read from the disk, not from the system's memory."""

    @property
    def longest(self) -> int:
        """Tokens of the longest question or document."""
        return max(self.lengths)

    def cell(self, method: Method, query: int, document: int) -> TimedCell | None:
        """The cell of a method at these lengths; ``None`` where it was not timed."""
        at = (method, query, document)
        return next((c for c in self.cells if (c.method, c.query, c.document) == at), None)

    def saving(self, method: Method, sample: Literal["A", "B"]) -> Saving | None:
        """What a method saves on a sample; ``None`` where it was not measured."""
        return self.savings.get(f"{method} {sample}")


def measured(found: Median) -> MeasuredMedian:
    """A median as results keep it."""
    return MeasuredMedian(
        median=found.value,
        low=found.interval.low,
        high=found.interval.high,
        level=found.interval.level,
        n=found.n,
    )


def method_of(record: Record) -> Method | None:
    """The method that a record's task evaluates, also where it failed; ``None`` for others."""
    found: Method | None = record.task.get("rag", {}).get("method")
    return found


def has_latency(record: Record) -> bool:
    """Whether a record has measured latencies."""
    return record.score is not None and record.task.get("rag", {}).get("latency") is not None


def embedded_length(record: Record) -> int:
    """Tokens after which texts to embed were cut; 0 where the record does not say so."""
    return int(record.details.get("embed_length") or 0)


def quality_result(record: Record) -> QualityResult:
    """The result of a scored record for which :func:`method_of` gives a method.

    Raises:
        StoreError: If it cannot be read.
    """
    return _read(record, QualityResult)


def latency_result(record: Record) -> LatencyResult:
    """The result of a record for which :func:`has_latency` is true.

    Raises:
        StoreError: If it cannot be read.
    """
    return _read(record, LatencyResult)


def _read(record: Record, model: type[ResultT]) -> ResultT:
    try:
        return model.model_validate(record.raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("raw", *first["loc"])))
        raise StoreError(
            f"the record of {record.signature.task} for {record.checkpoint.name} is damaged: "
            f"{where}: {first['msg']}",
            "run the task again with --fresh",
        ) from None
