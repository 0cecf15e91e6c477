"""MaxSim: how late-interaction models compare a query and a document.

Each vector of the query is compared with each of the document by the dot product; the similarity
is the sum, over the query's vectors, of the largest (Khattab and Zaharia, "ColBERT", SIGIR 2020,
section 3.1). ``meanmaxsim`` divides it by the number of the query's vectors.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.engines.token_vectors import TokenVectors

NOTHING: Final = -1e9
"""Similarity of a document without vectors, as sentence-transformers has it: it comes last."""

PRODUCTS: Final = 1 << 22
"""Dot products in memory at once, 16 MiB: they stay in the processor's cache while the largest are
looked for."""


def maxsim(queries: TokenVectors, documents: TokenVectors, *, mean: bool = False) -> Vectors:
    """MaxSim of each query and each document.

    Args:
        queries: Of ``q`` texts.
        documents: Of ``m`` texts.
        mean: Whether to divide by the number of the query's vectors.

    Returns:
        Shape ``(q, m)``, float32.
    """
    found: Vectors = np.full((len(queries), len(documents)), NOTHING, dtype=np.float32)
    asked, full = np.flatnonzero(queries.counts), np.flatnonzero(documents.counts)
    counts = documents.counts[full]
    # Texts without vectors have no rows, so those of the others follow each other all the same.
    starts, ends, width = np.cumsum(counts) - counts, np.cumsum(counts), max(1, len(queries.rows))
    first = 0
    while first < len(full):
        room = starts[first] + max(1, PRODUCTS // width)
        last = max(first + 1, int(np.searchsorted(ends, room, side="right")))
        products = documents.rows[starts[first] : ends[last - 1]] @ queries.rows.T
        best = np.maximum.reduceat(products, starts[first:last] - starts[first])
        sums = np.zeros((len(queries), last - first), dtype=np.float32)
        if len(asked):
            sums[asked] = np.add.reduceat(best, queries.starts[asked], axis=1).T
        found[:, full[first:last]] = sums
        first = last
    if mean:
        found /= np.maximum(queries.counts, 1)[:, None]
    return found


def maxsim_pairs(queries: TokenVectors, documents: TokenVectors, *, mean: bool = False) -> Vectors:
    """MaxSim of the texts at the same place in both, shape ``(n,)``."""
    pairs = zip(queries, documents, strict=True)
    found: Vectors = np.array(
        [(d @ q.T).max(axis=0).sum() if len(d) else NOTHING for q, d in pairs], dtype=np.float32
    )
    if mean:
        found /= np.maximum(queries.counts, 1)
    return found
