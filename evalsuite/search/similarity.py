"""How two texts are compared: cosine, dot product, the negative of a distance, or MaxSim.

The formulas are those of ``sentence_transformers.util``: the greater, the more alike.
"""

from __future__ import annotations

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.engines.token_vectors import Embedded, TokenVectors
from evalsuite.schema import Similarity
from evalsuite.search.late_interaction import maxsim, maxsim_pairs


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    return scaled


def readied(vectors: Embedded, similarity: Similarity) -> Embedded:
    """What the functions below take: for the cosine unit vectors, else the vectors themselves."""
    if similarity == "cosine" and not isinstance(vectors, TokenVectors):
        return unit(vectors)
    return vectors


def compared(queries: Embedded, documents: Embedded, similarity: Similarity) -> Vectors:
    """Similarity of each query and each document.

    Args:
        queries: Of :func:`readied`: ``q`` texts.
        documents: Of :func:`readied`: ``m`` texts.
        similarity: Which one.

    Returns:
        Shape ``(q, m)``, float32.
    """
    if isinstance(queries, TokenVectors) or isinstance(documents, TokenVectors):
        return maxsim(*_both(queries, documents), mean=similarity == "meanmaxsim")
    if similarity in ("cosine", "dot"):
        products: Vectors = queries @ documents.T
        return products
    from scipy.spatial.distance import cdist

    metric = "cityblock" if similarity == "manhattan" else "euclidean"
    distances: Vectors = -cdist(queries, documents, metric).astype(np.float32)
    return distances


def compared_pairs(left: Embedded, right: Embedded, similarity: Similarity) -> Vectors:
    """Similarity of the texts at the same place in both; ``n`` each, shape ``(n,)``."""
    if isinstance(left, TokenVectors) or isinstance(right, TokenVectors):
        return maxsim_pairs(*_both(left, right), mean=similarity == "meanmaxsim")
    found: Vectors
    if similarity in ("cosine", "dot"):
        found = np.einsum("ij,ij->i", left, right)
        return found
    order = 1 if similarity == "manhattan" else 2
    # In float64, as cdist computes.
    apart = left.astype(np.float64) - right.astype(np.float64)
    found = -np.linalg.norm(apart, ord=order, axis=1).astype(np.float32)
    return found


def _both(queries: Embedded, documents: Embedded) -> tuple[TokenVectors, TokenVectors]:
    """Both sides of a late-interaction model: an encoder has one kind of vectors."""
    assert isinstance(queries, TokenVectors)
    assert isinstance(documents, TokenVectors)
    return queries, documents
