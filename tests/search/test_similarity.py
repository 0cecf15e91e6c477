"""Similarities against their definitions, written out number by number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalsuite.schema import Similarity
from evalsuite.search.similarity import compared, compared_pairs, readied

LEFT = np.array([[1.0, 2.0, 2.0], [0.0, -3.0, 4.0]], dtype=np.float32)
RIGHT = np.array([[2.0, 0.0, 0.0], [0.0, 3.0, -4.0]], dtype=np.float32)
RIGHTS: dict[Similarity, list[list[float]]] = {
    "cosine": [[1 / 3, -2 / 15], [0.0, -1.0]],
    "dot": [[2.0, -2.0], [0.0, -25.0]],
    "euclidean": [[-3.0, -math.sqrt(38)], [-math.sqrt(29), -10.0]],
    "manhattan": [[-5.0, -8.0], [-9.0, -14.0]],
}


@pytest.mark.parametrize("name", RIGHTS)
def test_similarities(name: Similarity) -> None:
    left, right = readied(LEFT, name), readied(RIGHT, name)
    wanted = np.array(RIGHTS[name])
    np.testing.assert_allclose(compared(left, right, name), wanted, rtol=1e-6, atol=1e-7)
    pairs = compared_pairs(left, right, name)
    np.testing.assert_allclose(pairs, wanted.diagonal(), rtol=1e-6, atol=1e-7)
    assert pairs.dtype == np.float32
