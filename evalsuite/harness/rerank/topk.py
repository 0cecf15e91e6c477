"""The best documents of each query while the corpus goes by in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.engines.base import Vectors

QUERY_BLOCK = 1024
"""Queries that are compared with a block of documents at once; bounds the matrix of scores."""

Places = NDArray[np.int64]


class TopK:
    """Keeps the ``k`` best places of each row over blocks of columns.

    Equal scores go to the earlier place. Memory is ``rows × k``, whatever goes by.

    Args:
        rows: Number of queries.
        k: Places kept of each.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.scores: Vectors = np.full((rows, k), -np.inf, dtype=np.float32)
        self.places: Places = np.full((rows, k), -1, dtype=np.int64)

    def add(self, scores: Vectors, first: int, row: int = 0) -> None:
        """Take in a block.

        Args:
            scores: Shape ``(r, m)``, for the rows from ``row`` on; ``-inf`` never enters.
            first: Place of the block's first column; blocks come in the order of places.
            row: First of the rows.
        """
        kept = self.scores[row : row + len(scores)]
        # What only equals the worst that is kept comes too late.
        better = scores > kept[:, -1:]
        for index in np.flatnonzero(better.any(axis=1)):
            columns = np.flatnonzero(better[index])
            joined = np.concatenate([kept[index], scores[index, columns]])
            places = np.concatenate([self.places[row + index], first + columns])
            best = np.argsort(-joined, kind="stable")[: kept.shape[1]]
            self.scores[row + index] = joined[best]
            self.places[row + index] = places[best]


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    return scaled


def search_block(
    best: TopK,
    queries: Vectors,
    documents: Vectors,
    first: int,
    *,
    excluded: Sequence[int | None],
    allowed: Sequence[Places] | None,
) -> None:
    """Compare all queries with one block of documents.

    Args:
        best: Takes in the scores.
        queries: Unit vectors, shape ``(q, d)``.
        documents: Unit vectors, shape ``(m, d)``.
        first: Place of the first of them in the corpus.
        excluded: Place that a query must not get (itself), or ``None``.
        allowed: Sorted places that each query may get; ``None`` for all.
    """
    end = first + len(documents)
    for row in range(0, len(queries), QUERY_BLOCK):
        scores: Any = queries[row : row + QUERY_BLOCK] @ documents.T
        for index in range(len(scores)):
            if allowed is not None:
                mine = allowed[row + index]
                inside = mine[np.searchsorted(mine, first) : np.searchsorted(mine, end)] - first
                only = np.full(len(documents), -np.inf, dtype=np.float32)
                only[inside] = scores[index, inside]
                scores[index] = only
            place = excluded[row + index]
            if place is not None and first <= place < end:
                scores[index, place - first] = -np.inf
        best.add(scores, first, row)
