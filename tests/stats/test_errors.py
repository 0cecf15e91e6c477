"""Standard errors against closed forms, brute force and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from evalsuite.stats import average_precision_se, bootstrap_se, mean_se, spearman_se


def test_mean_se_of_proportions_is_the_closed_form() -> None:
    x = [1.0] * 30 + [0.0] * 70
    # s² with divisor n − 1 is n/(n − 1)·p(1 − p).
    assert mean_se(x) == pytest.approx(math.sqrt(0.3 * 0.7 / 99))
    assert mean_se([2.0, 4.0]) == pytest.approx(1.0)
    assert mean_se([1.0]) is None


def test_bootstrap_se_of_a_mean_is_that_of_the_closed_form() -> None:
    x = np.random.default_rng(1).normal(size=200)
    # The bootstrap variance of a mean is exactly σ̂²/n with divisor n.
    expected = x.std() / math.sqrt(200)
    got = bootstrap_se(lambda chosen: float(x[chosen].mean()), 200, resamples=4000)
    assert got == pytest.approx(expected, rel=0.05)


def test_bootstrap_se_is_seeded_and_skips_undefined_resamples() -> None:
    x = np.array([0.0, 1.0, 5.0])

    def undefined_when_alike(chosen: np.ndarray) -> float:
        return float(x[chosen].mean()) if len(set(chosen)) > 1 else math.nan

    first = bootstrap_se(undefined_when_alike, 3, seed=1, resamples=50)
    assert first == bootstrap_se(undefined_when_alike, 3, seed=1, resamples=50)
    assert first != bootstrap_se(undefined_when_alike, 3, seed=2, resamples=50)
    assert bootstrap_se(undefined_when_alike, 1) is None


def jackknife(statistic: object, *columns: np.ndarray) -> float:
    """√((n − 1)/n · Σ(θ₋ᵢ − θ̄)²) over the statistic with one item left out."""
    n = len(columns[0])
    left_out = np.array([statistic(*(np.delete(c, i) for c in columns)) for i in range(n)])  # type: ignore[operator]
    return math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())


def correlated(rng: np.random.Generator, n: int, rho: float, tied: bool) -> np.ndarray:
    pairs = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    if tied:
        pairs[:, 0] = np.clip(np.round(pairs[:, 0]), -2, 2)
    return pairs


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_spearman_se_is_that_of_the_jackknife(rho: float, tied: bool) -> None:
    x, y = correlated(np.random.default_rng(3), 400, rho, tied).T
    brute = jackknife(lambda a, b: spearmanr(a, b).statistic, x, y)
    assert spearman_se(x, y) == pytest.approx(brute, rel=0.02)


def test_spearman_se_without_correlation_is_one_over_root_n() -> None:
    # Var ρ = 1/(n − 1) under independence (Kendall and Gibbons, Rank Correlation Methods).
    rng = np.random.default_rng(4)
    x, y = rng.random(5000), rng.random(5000)
    assert spearman_se(x, y) == pytest.approx(1 / math.sqrt(4999), rel=0.03)


@pytest.mark.parametrize(("rho", "tied"), [(0.8, False), (0.8, True)])
def test_spearman_se_is_the_spread_over_new_samples(rho: float, tied: bool) -> None:
    rng = np.random.default_rng(5)
    samples = [correlated(rng, 300, rho, tied).T for _ in range(800)]
    spread = np.std([spearmanr(x, y).statistic for x, y in samples])
    mean = np.mean([spearman_se(x, y) for x, y in samples[:100]])
    assert mean == pytest.approx(spread, rel=0.1)


def test_spearman_se_of_perfect_order_is_zero_and_of_a_constant_unknown() -> None:
    x = np.arange(50.0)
    assert spearman_se(x, x**3) == pytest.approx(0, abs=1e-9)
    assert spearman_se(x, np.ones(50)) is None
    assert spearman_se([1, 2], [1, 2]) is None


def labelled(rng: np.random.Generator, n: int, tied: bool) -> tuple[np.ndarray, np.ndarray]:
    labels = (rng.random(n) < 0.3).astype(int)
    scores = rng.normal(size=n) + 1.2 * labels
    return labels, np.round(scores) if tied else scores


@pytest.mark.parametrize("tied", [False, True])
def test_average_precision_se_is_that_of_the_jackknife(tied: bool) -> None:
    labels, scores = labelled(np.random.default_rng(6), 600, tied)
    brute = jackknife(average_precision_score, labels, scores)
    assert average_precision_se(labels, scores) == pytest.approx(brute, rel=0.05)


@pytest.mark.parametrize("tied", [False, True])
def test_average_precision_se_is_the_spread_over_new_samples(tied: bool) -> None:
    rng = np.random.default_rng(7)
    samples = [labelled(rng, 500, tied) for _ in range(600)]
    spread = np.std([average_precision_score(y, s) for y, s in samples])
    mean = np.mean([average_precision_se(y, s) for y, s in samples[:100]])
    assert mean == pytest.approx(spread, rel=0.1)


def test_average_precision_se_of_perfect_separation_is_zero() -> None:
    labels = np.array([0] * 20 + [1] * 10)
    assert average_precision_se(labels, np.arange(30.0)) == pytest.approx(0, abs=1e-12)
    assert average_precision_se(np.ones(5), np.arange(5.0)) is None
