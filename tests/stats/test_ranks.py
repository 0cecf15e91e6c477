"""Ranks and tie groups against enumeration, single tests and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evalsuite.stats import (
    better_than,
    covariance,
    mcnemar_matrix,
    mcnemar_p,
    mean_influence,
    paired,
    rank_intervals,
    standard_error,
    t_matrix,
    tie_groups,
    unpaired,
)

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("groups", [None, [i // 3 for i in range(30)]])
def test_a_covariance_holds_the_errors_of_scores_and_of_differences(
    groups: list[int] | None,
) -> None:
    psi = np.stack([mean_influence(row) for row in RNG.normal(size=(3, 30))])
    found = covariance(psi, groups)
    assert found is not None
    for i in range(3):
        assert found[i, i] ** 0.5 == pytest.approx(standard_error(psi[i], groups))
    for i, j in itertools.combinations(range(3), 2):
        expected = paired(0.1, psi[i], psi[j], groups)
        assert expected is not None
        variance = found[i, i] + found[j, j] - 2 * found[i, j]
        assert variance**0.5 == pytest.approx(expected.stderr)


def test_one_item_has_no_covariance() -> None:
    assert covariance([[0.0], [0.0]]) is None
    assert covariance(np.zeros((2, 4)), ["a"] * 4) is None


def test_the_matrix_of_mcnemar_tests_holds_the_single_tests() -> None:
    values = (RNG.random((4, 60)) < [[0.3], [0.5], [0.55], [0.9]]).astype(float)
    found = mcnemar_matrix(values)
    for i, j in itertools.product(range(4), repeat=2):
        won = int(((values[j] == 1) & (values[i] == 0)).sum())
        lost = int(((values[i] == 1) & (values[j] == 0)).sum())
        assert found[i, j] == pytest.approx(mcnemar_p(won, lost))


def test_the_matrix_of_t_tests_holds_the_single_tests() -> None:
    estimates, errors, groups = [0.5, 0.52, 0.6, 0.6], [0.02, 0.03, 0.0, 0.0], [20, 400, 50, 60]
    found = t_matrix(estimates, np.hypot(*np.meshgrid(errors, errors)), groups)
    for i, j in itertools.product(range(4), repeat=2):
        delta = estimates[j] - estimates[i]
        single = unpaired(delta, errors[i], errors[j], groups[i], groups[j])
        assert found[i, j] == pytest.approx(single.p)


def test_three_models_by_hand() -> None:
    # Six one-sided hypotheses: 0.001/2 ≤ 0.05/6 and 0.018/2 ≤ 0.05/5, but 0.03/2 > 0.05/4.
    p = np.ones((3, 3))
    p[0, 1] = p[1, 0] = 0.03
    p[0, 2] = p[2, 0] = 0.001
    p[1, 2] = p[2, 1] = 0.018
    better = better_than([0.9, 0.8, 0.5], p)
    assert better.tolist() == [[False, False, True], [False, False, True], [False] * 3]
    assert rank_intervals(better) == [(1, 2), (1, 2), (3, 3)]
    assert tie_groups(better, [0, 1, 2]) == [(0, 1), (2,)]


def test_equal_estimates_share_all_ranks() -> None:
    better = better_than([0.5] * 4, np.ones((4, 4)))
    assert rank_intervals(better) == [(1, 4)] * 4
    assert tie_groups(better, [0, 1, 2, 3]) == [(0, 1, 2, 3)]


@pytest.mark.parametrize("seed", range(20))
def test_tie_groups_are_the_largest_sets_without_a_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    models = range(6)
    better = np.triu(rng.random((6, 6)) < rng.uniform(0.2, 0.9), 1)
    apart = better | better.T
    alike = [
        set(found)
        for size in range(1, 7)
        for found in itertools.combinations(models, size)
        if not any(apart[i, j] for i, j in itertools.combinations(found, 2))
    ]
    largest = [one for one in alike if not any(one < other for other in alike)]
    found = tie_groups(better, list(models))
    assert sorted(map(sorted, found)) == sorted(map(sorted, largest))


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.1])
def test_rank_intervals_hold_all_true_ranks_together(spread: float) -> None:
    """True scores of which some are equal; errors that are shared by neighbours."""
    rng = np.random.default_rng(3)
    truth = np.round(rng.normal(0.6, spread, 12), 2)
    draws = 300
    held = 0
    for _ in range(draws):
        hard = rng.normal(0, 0.3, 200)
        items = truth[:, None] + hard + rng.normal(0, 0.2, (12, 200))
        matrix = covariance(items - items.mean(axis=1, keepdims=True))
        assert matrix is not None
        variance = np.add.outer(np.diag(matrix), np.diag(matrix)) - 2 * matrix
        scores = items.mean(axis=1)
        p = t_matrix(scores, np.sqrt(np.maximum(variance, 0)), [200] * 12)
        intervals = rank_intervals(better_than(scores, p))
        best = [1 + int((truth > one).sum()) for one in truth]
        worst = [int((truth >= one).sum()) for one in truth]
        # Equal models share the ranks from `best` to `worst`: the interval holds all of them.
        held += all(
            low <= b and w <= high for (low, high), b, w in zip(intervals, best, worst, strict=True)
        )
    assert held / draws >= 0.95 - 2 * (0.05 * 0.95 / draws) ** 0.5
