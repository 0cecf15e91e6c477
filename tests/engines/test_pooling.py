"""Poolings against sums written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalsuite.engines.pooling import POOLINGS, pool

HIDDEN = torch.tensor(
    [
        [[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [99.0, 99.0]],
        [[3.0, -1.0], [5.0, -2.0], [7.0, -3.0], [9.0, -4.0]],
    ]
)
# First row: instruction of one token, two tokens of text, padding. Second: all is text.
MASK = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1]])

EXPECTED = {
    "mean": [[(2 + 4) / 2, (20 + 40) / 2], [(3 + 5 + 7 + 9) / 4, -(1 + 2 + 3 + 4) / 4]],
    # SGPT: weight i of the i-th kept token, over 1 + … + n; counted after the instruction.
    "weighted_mean": [
        [(1 * 2 + 2 * 4) / 3, (1 * 20 + 2 * 40) / 3],
        [(1 * 3 + 2 * 5 + 3 * 7 + 4 * 9) / 10, -(1 * 1 + 2 * 2 + 3 * 3 + 4 * 4) / 10],
    ],
    "last": [[4, 40], [9, -4]],
    "cls": [[2, 20], [3, -1]],
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_pooling_equals_the_definition(name: str) -> None:
    vectors = POOLINGS[name](HIDDEN, MASK)
    np.testing.assert_allclose(vectors, EXPECTED[name], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_sixteen_bit_states_are_pooled_in_float32(name: str) -> None:
    # 300 tokens of 1 + 1/128: a bfloat16 sum would stop growing at 256.
    hidden = torch.full((1, 300, 2), 1 + 1 / 128, dtype=torch.bfloat16)
    vectors = POOLINGS[name](hidden, torch.ones(1, 300))
    assert vectors.dtype == torch.float32
    np.testing.assert_allclose(vectors, 1 + 1 / 128, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_normalised_vectors_have_length_one_and_the_same_direction(name: str) -> None:
    plain = pool(HIDDEN, MASK, name, normalize=False).numpy()
    unit = pool(HIDDEN, MASK, name, normalize=True).numpy()
    np.testing.assert_allclose(unit, plain / np.sqrt((plain**2).sum(1, keepdims=True)), rtol=1e-6)
