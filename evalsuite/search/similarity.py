"""How two vectors are compared: cosine, dot product, or the negative of a distance.

The formulas are those of ``sentence_transformers.util``: the greater, the more alike.
"""

from __future__ import annotations

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.schema import Similarity


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    return scaled


def readied(vectors: Vectors, similarity: Similarity) -> Vectors:
    """What the functions below take: for the cosine unit vectors, else the vectors themselves."""
    return unit(vectors) if similarity == "cosine" else vectors


def compared(queries: Vectors, documents: Vectors, similarity: Similarity) -> Vectors:
    """Similarity of each query and each document.

    Args:
        queries: Of :func:`readied`, shape ``(q, d)``.
        documents: Of :func:`readied`, shape ``(m, d)``.
        similarity: Which one.

    Returns:
        Shape ``(q, m)``, float32.
    """
    if similarity in ("cosine", "dot"):
        products: Vectors = queries @ documents.T
        return products
    from scipy.spatial.distance import cdist

    metric = "cityblock" if similarity == "manhattan" else "euclidean"
    distances: Vectors = -cdist(queries, documents, metric).astype(np.float32)
    return distances


def compared_pairs(left: Vectors, right: Vectors, similarity: Similarity) -> Vectors:
    """Similarity of the rows of two matrices of one shape ``(n, d)``, pair by pair; ``(n,)``."""
    found: Vectors
    if similarity in ("cosine", "dot"):
        found = np.einsum("ij,ij->i", left, right)
        return found
    order = 1 if similarity == "manhattan" else 2
    # In float64, as cdist computes.
    apart = left.astype(np.float64) - right.astype(np.float64)
    found = -np.linalg.norm(apart, ord=order, axis=1).astype(np.float32)
    return found
