"""Task files of kind ``rag``: retrieval-augmented generation."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from evalsuite.kinds.task import Generation, Task, check_files
from evalsuite.schema import Frozen

Method = Literal[
    "none",
    "query-doc",
    "query-cache",
    "query-doc-cache",
    "doc-query",
    "doc-cache",
    "doc-query-cache",
    "query-doc-embed",
    "doc-query-embed",
]
"""Rows of Table 7 of the GRIT paper. ``query-doc`` and ``doc-query`` are plain RAG, with the
query or the document first; ``…-cache`` starts from the cache of an embedding pass;
``…-embed`` is what ``query-cache`` and ``doc-cache`` give the model, token for token, read by the
generative (causal) pass: the same without a cache."""

BASELINES: Final[dict[Method, Method]] = {
    "query-cache": "query-doc",
    "query-doc-cache": "query-doc",
    "query-doc-embed": "query-doc",
    "doc-cache": "doc-query",
    "doc-query-cache": "doc-query",
    "doc-query-embed": "doc-query",
}
"""Method → the plain RAG that it is compared with: that with the same order."""

CACHELESS: Final[dict[Method, Method]] = {
    "query-cache": "query-doc-embed",
    "doc-cache": "doc-query-embed",
}
"""Method → what gives the model the same tokens without a cache: the difference is what caching
costs."""

SPEED_METHODS: Final[tuple[Method, ...]] = (
    "none",
    "query-doc",
    "query-cache",
    "query-doc-cache",
    "doc-query",
    "doc-cache",
    "doc-query-cache",
)
"""Methods whose latency is measured: the rows of Table 7."""


class Latency(Frozen):
    """What is timed: Figure 5 of the GRIT paper."""

    lengths: tuple[int, ...] = Field(default=(250, 500, 1000, 2000, 4000), min_length=1)
    """Tokens of the longer of query and document; the other has one."""
    new_tokens: int = Field(default=16, ge=1)
    least: int = Field(default=6, ge=2)
    """Repetitions at least: from six on the median has a 95 % interval."""
    most: int = Field(default=30, ge=2)
    tolerance: float = Field(default=0.05, gt=0)
    """A cell is done once the interval of its median is within this share of the median."""
    seconds: float = Field(default=2100.0, gt=0)
    """After so many seconds no further repetition is begun, but for what was not timed at all."""
    searched: int = Field(default=10_000, ge=1)
    """Vectors in the index that is searched."""

    @model_validator(mode="after")
    def _least_is_within_most(self) -> Self:
        if self.least > self.most:
            raise ValueError("'least' is above 'most'")
        return self


class Corpus(Frozen):
    """A corpus whose storage is stated."""

    name: str = "Natural Questions"
    documents: int = Field(default=2_681_468, ge=1)
    tokens: int = Field(default=100, ge=1)
    """Of a document, on average, format included."""


class Rag(Frozen):
    """One row of Table 7 (``method``) or the latency of all of them (``latency``)."""

    method: Method | None = None
    latency: Latency | None = None
    storage: Corpus = Corpus()

    @model_validator(mode="after")
    def _one_measurement(self) -> Self:
        if (self.method is None) == (self.latency is None):
            raise ValueError("needs either 'method' or 'latency'")
        return self


COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "corpus": ("id", "text"),
    "questions": ("question", "answers"),
}
"""Role of each file of a task on one's own files → its columns."""


class RagTask(Task, defer_build=False):
    """A task of kind ``rag``."""

    kind: Literal["rag"]
    answer_prefix: str | None = None
    """What each answer is made to begin with."""
    generation: Generation = Generation()
    rag: Rag
    """The method, or what is timed."""

    @property
    def about(self) -> str:
        return self.rag.method or "latency"

    def required_columns(self, role: str) -> tuple[str, ...]:
        return COLUMNS.get(role, ())

    @model_validator(mode="after")
    def _names_its_data(self) -> Self:
        if self.data is None:
            if self.source != "nq" or len(self.datasets) != 2:
                raise ValueError(
                    "kind 'rag' needs 'corpus' and 'questions' under 'data', or 'source: nq' with "
                    "its two data sets under 'datasets'"
                )
        elif self.source:
            raise ValueError("a task on its own 'data' has no 'source'")
        else:
            check_files(self, "kind 'rag'", frozenset(COLUMNS))
        return self

    @model_validator(mode="after")
    def _generates_greedily(self) -> Self:
        if self.generation.temperature > 0 or self.generation.samples > 1 or self.generation.stop:
            raise ValueError("kind 'rag' generates greedily: of 'generation' only 'max_tokens'")
        return self
