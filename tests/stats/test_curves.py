"""Noise bands and verdicts against a mean of checkpoints: by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalsuite.stats import against_mean, covariance, noise_band


def test_a_band_is_one_deviation_around_the_mean_of_the_last_checkpoints() -> None:
    found = noise_band([1.0, 2.0, None, 3.0, 7.0], window=3)
    assert found[:3] == [None, None, None]
    assert found[3] == pytest.approx((1.0, 3.0))
    assert found[4] == pytest.approx((4 - 7**0.5, 4 + 7**0.5))  # variance of 2, 3, 7 is 7


def test_two_checkpoints_are_refused() -> None:
    with pytest.raises(ValueError, match="3 are needed"):
        noise_band([1.0, 2.0], window=2)
    with pytest.raises(ValueError, match="3 are needed"):
        against_mean([0.5, 0.6], 0.5, np.zeros((3, 3)), 100, paired=True)


def test_without_noise_of_items_it_is_the_t_test_of_one_new_observation() -> None:
    scores, candidate = [0.50, 0.54, 0.49, 0.53, 0.52], 0.42
    found = against_mean(scores, candidate, np.zeros((6, 6)), 1000, paired=True)
    expected = scipy_stats.ttest_ind([candidate], scores)  # pools one value with the others
    assert found.delta == pytest.approx(candidate - np.mean(scores))
    assert found.p == pytest.approx(expected.pvalue)


def test_without_noise_of_training_it_is_the_variance_of_the_items() -> None:
    matrix = np.diag([0.0004] * 4)
    found = against_mean([0.5, 0.5, 0.5], 0.45, matrix, 500, paired=False)
    assert found.stderr == pytest.approx((0.0004 * (1 + 1 / 3)) ** 0.5)
    assert found.groups == 500


@pytest.mark.parametrize(("training", "items"), [(0.02, 0.5), (0.0, 0.5), (0.02, 0.05)])
def test_intervals_cover_with_both_sources_of_variance(training: float, items: float) -> None:
    rng = np.random.default_rng(2)
    n, size, draws = 5, 200, 800
    held = 0
    for _ in range(draws):
        levels = 0.6 + training * rng.normal(size=(n + 1, 1))
        values = levels + rng.normal(0, 0.4, size) + rng.normal(0, items, (n + 1, size))
        scores = values.mean(axis=1)
        matrix = covariance(values - scores[:, None])
        assert matrix is not None
        found = against_mean(scores[:n], scores[n], matrix, size, paired=True)
        held += 0.0 in found.interval()
    assert held / draws >= 0.94
