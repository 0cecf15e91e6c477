"""Exact search by the similarity of vectors: one block of the corpus is in memory at a time.

A block is embedded while the one before is searched. The engine is used by the calling thread
alone; the other one only computes, and is done within a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.engines.token_vectors import Embedded, TokenVectors
from evalsuite.schema import Similarity
from evalsuite.search.similarity import compared, compared_pairs, readied
from evalsuite.search.topk import Places, Rows, TopK, keys_of, scores_and_places

DOCUMENT_BLOCK: Final = 8192
"""Documents that are embedded and searched at once: 16 shards, 128 MiB at 4,096 dimensions."""

QUERY_BLOCK: Final = 1024
"""Queries that are compared with a block of documents at once; bounds the matrix of scores."""

PAIR_BLOCK: Final = 2048
"""Pairs whose products are summed at once; bounds the copies of their vectors."""

TOKEN_BLOCK: Final = 512
"""The same of documents with a vector for each token, 25 to 130 MiB at 128 dimensions."""

Embed = Callable[[list[str]], Embedded]
"""From the texts of a block to what an encoder makes of them."""


class Searchable(Protocol):
    """Documents by row: ``evalsuite.search.corpus.Corpus`` or ``evalsuite.search.texts.Texts``."""

    places: Places
    """Row → position in the order in which documents of equal scores are ranked."""

    def __len__(self) -> int:
        """Number of documents."""

    def texts(self, start: int, end: int) -> list[str]:
        """What is embedded of some rows."""

    def rows_at(self, places: Places) -> Rows:
        """From places to rows."""


class Hits(NamedTuple):
    """What was found for a query: the best first, equal scores in the order of the places."""

    rows: Rows
    """Of the corpus, shape ``(n,)``."""
    scores: Vectors
    """Similarities, shape ``(n,)``."""


def search(
    corpus: Searchable,
    queries: Embedded,
    embed: Embed,
    k: int,
    excluded: Sequence[int | None] | None = None,
    similarity: Similarity = "cosine",
) -> list[Hits]:
    """Find the best documents of each query.

    Memory beside the block's is ``8 × q × k`` bytes.

    Args:
        corpus: All documents.
        queries: Of ``q`` texts.
        embed: Gives a block's vectors.
        k: Documents found for each query at most.
        excluded: Row that each query must not get, or ``None``.
        similarity: Of the vectors of a query and a document.

    Returns:
        One for each query.
    """
    asked, best = readied(queries, similarity), TopK(len(queries), k)
    barred = [(query, row) for query, row in enumerate(excluded or ()) if row is not None]

    def take(vectors: Embedded, start: int) -> None:
        documents = readied(vectors, similarity)
        places = corpus.places[start : start + len(documents)]
        here = [(q, row - start) for q, row in barred if 0 <= row - start < len(documents)]
        for first in range(0, len(asked), QUERY_BLOCK):
            scores: Any = compared(asked[first : first + QUERY_BLOCK], documents, similarity)
            for query, column in here:
                if first <= query < first + len(scores):
                    scores[query - first, column] = np.nan
            best.add(scores, places, first)

    _go_through(corpus, embed, take, block_of(queries))
    found = (best.best(query) for query in range(len(asked)))
    return [Hits(corpus.rows_at(places), scores) for scores, places in found]


def rank(
    corpus: Searchable,
    queries: Embedded,
    embed: Embed,
    k: int,
    candidates: Sequence[Rows],
    similarity: Similarity = "cosine",
) -> list[Hits]:
    """Order each query's own candidates; no other pair is compared.

    Memory beside the block's is about 30 bytes a pair.

    Args:
        corpus: All documents.
        queries: Of ``q`` texts.
        embed: Gives a block's vectors.
        k: Documents kept of each query at most.
        candidates: Rows of each query's candidates.
        similarity: Of the vectors of a query and a document.

    Returns:
        One for each query.
    """
    asked = readied(queries, similarity)
    counts = [len(rows) for rows in candidates]
    rows = np.concatenate([np.empty(0, np.int64), *candidates])
    owners = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    scores: Vectors = np.empty(len(rows), dtype=np.float32)

    def take(vectors: Embedded, start: int) -> None:
        documents = readied(vectors, similarity)
        first, end = np.searchsorted(sorted_rows, [start, start + len(documents)])
        for at in range(first, end, PAIR_BLOCK):
            pairs = order[at : min(at + PAIR_BLOCK, end)]
            sides = asked[owners[pairs]], documents[rows[pairs] - start]
            scores[pairs] = compared_pairs(*sides, similarity)

    _go_through(corpus, embed, take, block_of(queries))
    hits = []
    for begin, count in zip(np.cumsum([0, *counts]), counts, strict=False):
        mine = slice(begin, begin + count)
        keys = np.sort(keys_of(scores[mine], corpus.places[rows[mine]]))[::-1][:k]
        best, places = scores_and_places(keys)
        hits.append(Hits(corpus.rows_at(places), best))
    return hits


def block_of(queries: Embedded) -> int:
    """Documents that are embedded and searched at once."""
    return TOKEN_BLOCK if isinstance(queries, TokenVectors) else DOCUMENT_BLOCK


def _go_through(
    corpus: Searchable, embed: Embed, take: Callable[[Embedded, int], None], block: int
) -> None:
    """Have each block embedded, and taken in while the next one is."""
    with ThreadPoolExecutor(max_workers=1) as other:
        taken: Future[None] | None = None
        for start in range(0, len(corpus), block):
            vectors = embed(corpus.texts(start, start + block))
            if taken is not None:
                taken.result()
            taken = other.submit(take, vectors, start)
        if taken is not None:
            taken.result()
