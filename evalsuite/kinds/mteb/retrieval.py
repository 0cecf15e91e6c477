"""Our search in the form that mteb expects of a model for retrieval and reranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mteb._create_dataloaders import create_dataloader
from mteb.types import PromptType

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.protocols import EncoderOf
from evalsuite.engines.token_vectors import Embedded, TokenVectors, one_each
from evalsuite.engines.vectors.forms import Ranges, Rounding, rounded
from evalsuite.errors import DataError
from evalsuite.kinds.mteb.encoder import (
    LOADER_BATCH,
    Prompt,
    check_not_collapsed,
    model_meta,
    protocol_of,
)
from evalsuite.search.corpus import Corpus
from evalsuite.search.exact import DOCUMENT_BLOCK, rank, search
from evalsuite.search.topk import Rows


class MtebSearch:
    """Finds documents by the similarity of an engine's vectors; mteb's ``SearchProtocol``.

    The outcome is that of mteb's ``SearchEncoderWrapper``, which holds 50,000 documents at a time
    and passes every score of every candidate through a Python heap. Of documents with equal
    scores at the end of a list, it keeps the ones that ``torch.topk`` happens to name; here the
    greater id goes first throughout, as trec_eval has it.

    Args:
        encoder: Computes vectors.
        checkpoint: Its checkpoint.
        prompt: What precedes the texts of each side.
        report: Called with the number of texts done, and of all.
        rounding: What vectors are rounded to.
    """

    def __init__(
        self,
        encoder: EncoderOf[Embedded],
        checkpoint: Checkpoint,
        prompt: Callable[[PromptType | None], Prompt],
        report: Callable[[int, int], None],
        rounding: Rounding | None = None,
    ) -> None:
        self.mteb_model_meta = model_meta(checkpoint)
        self._similarity = protocol_of(checkpoint).similarity
        self._encoder = encoder
        self._prompt = prompt
        self._report = report
        self._rounding = rounding
        self._corpus: Corpus | None = None
        self._done = 0
        self._total = 0

    def index(self, corpus: Any, **_: Any) -> None:
        """Remember what to search in, mteb's data set; documents are embedded while searching."""
        self._corpus = Corpus(corpus)

    def search(
        self,
        queries: Any,
        *,
        task_metadata: Any,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **_: Any,
    ) -> dict[str, dict[str, float]]:
        """Search for all queries.

        Args:
            queries: mteb's data set, with ``id`` and ``text``.
            task_metadata: Of the task.
            top_k: Documents found for each query at most.
            top_ranked: Query → ids of its candidates, for reranking; others are not compared.

        Returns:
            Query → document → similarity, the best first; of a query without candidates, none.

        Raises:
            DataError: If a candidate is not in the corpus.
            EngineError: If many different texts get one and the same vector.
        """
        corpus, self._corpus = self._corpus, None
        assert corpus is not None, "mteb calls index first"
        names, texts = list(queries["id"]), query_texts(queries, task_metadata)
        self._total += len(texts) + len(corpus)
        vectors = self._rounded(self._embed(PromptType.query)(texts))
        embed = self._rounded_documents(corpus)
        if top_ranked is None:
            hits = search(corpus, vectors, embed, top_k, similarity=self._similarity)
        else:
            candidates = candidate_rows(corpus, names, top_ranked)
            hits = rank(corpus, vectors, embed, top_k, candidates, self._similarity)
        return {
            name: dict(zip(corpus.names(found.rows), found.scores.tolist(), strict=True))
            for name, found in zip(names, hits, strict=True)
        }

    def _rounded(self, found: Embedded, ranges: Ranges | None = None) -> Embedded:
        """What was embedded, rounded; several vectors a text are left as they are."""
        return found if isinstance(found, TokenVectors) else rounded(found, self._rounding, ranges)

    def _rounded_documents(self, corpus: Corpus) -> Callable[[list[str]], Embedded]:
        """Embeds documents, and rounds them by the ranges of all of them."""
        embed, ranges = self._embed(PromptType.document), None
        if self._rounding == "int8":
            # Twice through the corpus: the second time its vectors are read from the cache.
            self._total += len(corpus)
            starts = range(0, len(corpus), DOCUMENT_BLOCK)
            blocks = (embed(corpus.texts(at, at + DOCUMENT_BLOCK)) for at in starts)
            ranges = Ranges.of(map(one_each, blocks))
        return lambda texts: self._rounded(embed(texts), ranges)

    def _embed(self, side: PromptType) -> Callable[[list[str]], Embedded]:
        prefix = self._prompt(side).prefix

        def embed(texts: list[str]) -> Embedded:
            vectors = self._encoder.encode(texts, prefix, self._advance)
            check_not_collapsed(texts, one_each(vectors))
            return vectors

        return embed

    def _advance(self, count: int) -> None:
        self._done += count
        self._report(self._done, self._total)


def query_texts(queries: Any, task_metadata: Any) -> list[str]:
    """Queries as mteb gives them to a model, with what belongs to them (instructions, turns)."""
    loader = create_dataloader(
        queries,
        task_metadata=task_metadata,
        prompt_type=PromptType.query,
        batch_size=LOADER_BATCH,
    )
    return [str(text) for batch in loader for text in batch["text"]]


def candidate_rows(
    corpus: Corpus, queries: Sequence[str], ranked: Mapping[str, Sequence[str]]
) -> list[Rows]:
    """Rows of each query's candidates, in the order given.

    Raises:
        DataError: If one is not in the corpus.
    """
    named = [[str(name) for name in ranked.get(query) or ()] for query in queries]
    row_of = corpus.rows_of({name for names in named for name in names})
    missing = next((name for names in named for name in names if name not in row_of), None)
    if missing is not None:
        raise DataError(f"the candidate {missing!r} is not in the corpus", "check the data set")
    return [np.array([row_of[name] for name in names], dtype=np.int64) for names in named]
