"""Task files of kind ``rerank``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from evalsuite.kinds.mteb.task import OwnEmbeddingTask
from evalsuite.kinds.task import Generation
from evalsuite.schema import Frozen


class Rerank(Frozen):
    """How a checkpoint reorders what it has retrieved.

    ``listwise`` is the permutation generation of Sun et al., "Is ChatGPT Good at Search?" (EMNLP
    2023): the model writes the order of several documents. ``pointwise`` asks about one document
    at a time and takes the probability of *yes* against *no*.
    """

    method: Literal["listwise", "pointwise"]
    k: int = Field(default=10, ge=2)
    """Documents of a query that are reordered."""
    window: int = Field(default=20, ge=2)
    """Listwise: documents in one prompt; where ``k`` is larger, windows slide from the last
    documents to the first."""
    step: int = Field(default=10, ge=1)
    """Listwise: documents from one window to the next."""
    characters: int | None = Field(default=None, ge=1)
    """The query and the text of a document (not its title) are cut after so many characters."""
    doc_tokens: int | None = Field(default=None, ge=1)
    """A document with its title is cut after so many tokens."""
    prompt_tokens: int | None = Field(default=None, ge=1)
    """Tokens of a prompt at most. Listwise: last documents that do not fit are left out and keep
    their place; pointwise: the document is cut. ``None``: what the context has room for."""

    @model_validator(mode="after")
    def _windows_overlap_or_touch(self) -> Self:
        if self.step > self.window:
            raise ValueError("'step' above 'window' would leave documents out")
        return self


class RerankTask(OwnEmbeddingTask, defer_build=False):
    """A task of kind ``rerank``: a retrieval or reranking task, searched and then reordered."""

    kind: Literal["rerank"]
    prompt: str = Field(min_length=1)
    """Jinja template over ``query`` and ``documents`` (listwise) or ``document`` (pointwise)."""
    answer_prefix: str | None = None
    """Text that the answer is made to begin with."""
    generation: Generation = Generation()
    rerank: Rerank
    """What is reordered, and how."""

    @model_validator(mode="after")
    def _is_about_retrieval(self) -> Self:
        if self.type not in (None, "retrieval", "reranking"):
            raise ValueError(
                f"kind 'rerank' takes type 'retrieval' or 'reranking', not {self.type!r}"
            )
        return self
