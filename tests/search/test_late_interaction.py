"""MaxSim against the formula, and against sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sentence_transformers.util import maxsim as theirs
from sentence_transformers.util import mean_maxsim

import evalsuite.search.late_interaction as module
from evalsuite.engines.protocols import Vectors
from evalsuite.engines.token_vectors import TokenVectors
from evalsuite.search.late_interaction import maxsim, maxsim_pairs


def texts(seed: int, counts: list[int], size: int = 8) -> list[Vectors]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(count, size)).astype(np.float32) for count in counts]


def by_the_formula(query: Vectors, document: Vectors) -> float:
    return sum(max(float(q @ d) for d in document) for q in query)


@pytest.mark.parametrize("products", [1, 100, 1 << 22])
def test_it_is_the_sum_of_the_largest_products(
    products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRODUCTS", products)
    queries, documents = texts(0, [3, 1, 5]), texts(1, [4, 9, 1, 2, 7])
    expected = [[by_the_formula(q, d) for d in documents] for q in queries]
    sides = TokenVectors.of(queries), TokenVectors.of(documents)
    assert maxsim(*sides) == pytest.approx(np.array(expected), rel=1e-5)
    pairs = TokenVectors.of(queries), TokenVectors.of(documents[:3])
    assert maxsim_pairs(*pairs) == pytest.approx(np.diag(expected), rel=1e-5)
    counts = np.array([3, 1, 5])
    assert maxsim(*sides, mean=True) == pytest.approx(np.array(expected) / counts[:, None])
    assert maxsim_pairs(*pairs, mean=True) == pytest.approx(np.diag(expected) / counts)


@pytest.mark.parametrize("mean", [False, True])
def test_texts_without_vectors_count_as_in_the_library(*, mean: bool) -> None:
    """A document of punctuation alone comes last; a query without vectors is like none."""
    queries, documents = texts(2, [2, 0, 3]), texts(3, [0, 4, 0, 0, 1, 0])
    library = mean_maxsim if mean else theirs
    expected = library(*([torch.tensor(one) for one in side] for side in (queries, documents)))
    sides = TokenVectors.of(queries), TokenVectors.of(documents)
    assert maxsim(*sides, mean=mean) == pytest.approx(expected.numpy(), rel=1e-5)
    pairs = TokenVectors.of(queries), TokenVectors.of(documents[:3])
    assert maxsim_pairs(*pairs, mean=mean) == pytest.approx(
        np.diag(expected.numpy()[:, :3]), rel=1e-5
    )


def test_texts_are_chosen_by_place() -> None:
    several = texts(4, [2, 0, 3, 1])
    made = TokenVectors.of(several)
    assert len(made) == 4
    assert [part.shape for part in made] == [(2, 8), (0, 8), (3, 8), (1, 8)]
    assert (made[2] == several[2]).all()
    assert made[1:3].counts.tolist() == [0, 3]
    chosen = made[np.array([3, 0, 3])]
    assert chosen.counts.tolist() == [1, 2, 1]
    assert (chosen.rows == np.concatenate([several[3], several[0], several[3]])).all()
    assert len(made[4:]) == 0
    means = [text.mean(axis=0) if len(text) else np.zeros(8) for text in several]
    assert made.means() == pytest.approx(np.stack(means), rel=1e-5)
