"""Intervals of scores by what defines them, and by how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, spearmanr
from scipy.stats import t as student
from sklearn.metrics import average_precision_score

from evalsuite.stats import (
    Interval,
    average_precision_influence,
    correlation_interval,
    fraction_interval,
    interval,
    mean_influence,
    spearman,
    standard_error,
)


@pytest.mark.parametrize(("estimate", "stderr", "groups"), [(0.65, 0.04, 160), (0.03, 0.02, 30)])
def test_ends_of_a_fraction_are_the_values_that_a_score_test_just_accepts(
    estimate: float, stderr: float, groups: int
) -> None:
    """|p̂ − p| = t·√(p(1 − p)/n*) at both ends, with n* = p̂(1 − p̂)/se²."""
    found = fraction_interval(estimate, stderr, groups)
    items = estimate * (1 - estimate) / stderr**2
    quantile = student.ppf(0.975, groups - 1)
    for end in (found.low, found.high):
        assert abs(estimate - end) == pytest.approx(quantile * math.sqrt(end * (1 - end) / items))
    assert 0 < found.low < estimate < found.high < 1
    # It leans away from the nearer end of the scale.
    assert (found.high - estimate > estimate - found.low) == (estimate < 0.5)


def test_a_fraction_without_spread_is_still_uncertain_at_0_and_1() -> None:
    quantile = student.ppf(0.975, 39) ** 2
    assert fraction_interval(0.0, 0.0, 40).high == pytest.approx(quantile / (40 + quantile))
    assert fraction_interval(1.0, 0.0, 40).low == pytest.approx(40 / (40 + quantile))
    assert fraction_interval(0.5, 0.0, 40) == Interval(0.5, 0.5)


@pytest.mark.parametrize("n", [60, 160])
def test_right_or_wrong_scores_are_covered_where_the_plain_interval_fails(n: int) -> None:
    """Exact coverage, summed over the binomial distribution, for shares of 2 to 98 %."""
    shares = np.linspace(0.02, 0.98, 97)
    counts = np.arange(n + 1)
    means = counts / n
    errors = np.sqrt(means * (1 - means) / (n - 1))
    pairs = list(zip(means.tolist(), errors.tolist(), strict=True))
    ours = [fraction_interval(mean, error, n) for mean, error in pairs]
    plain = [interval(mean, error, n) for mean, error in pairs]

    def coverage(bounds: list[Interval], share: float) -> float:
        held = np.array([share in found for found in bounds])
        return float(binom.pmf(counts, n, share)[held].sum())

    covered = [coverage(ours, share) for share in shares]
    assert min(covered) > 0.93
    assert 0.945 < np.mean(covered) < 0.965
    assert min(coverage(plain, share) for share in shares) < 0.85


def test_correlations_are_symmetric_on_fishers_scale() -> None:
    found = correlation_interval(0.8, 0.02, 100)
    reach = student.ppf(0.975, 99) * 0.02 / (1 - 0.8**2)
    assert math.atanh(found.high) - math.atanh(0.8) == pytest.approx(reach)
    assert math.atanh(0.8) - math.atanh(found.low) == pytest.approx(reach)
    assert correlation_interval(1.0, 0.0, 100) == Interval(1.0, 1.0)
    assert correlation_interval(-0.999, 0.5, 5).low >= -1


@pytest.mark.parametrize("tied", [False, True])
def test_influences_on_average_precision_are_those_of_leaving_one_out(tied: bool) -> None:
    rng = np.random.default_rng(6)
    labels = (rng.random(60) < 0.3).astype(int)
    scores = rng.normal(size=60) + labels
    scores = np.round(scores) if tied else scores
    without = np.array(
        [
            average_precision_score(np.delete(labels, i), np.delete(scores, i))
            for i in range(len(labels))
        ]
    )
    influence = average_precision_influence(labels, scores)
    assert influence is not None
    assert influence == pytest.approx(59 * (without.mean() - without))
    assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_one_positive_tells_nothing_about_average_precision() -> None:
    assert average_precision_influence([1, 0, 0], [3, 2, 1]) is None
    assert average_precision_influence([1, 1, 0], [3, 2, 1]) is not None


def test_spearman_is_scipys_with_ties() -> None:
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 4, 80)
    predicted = np.round(gold + rng.normal(size=80))
    assert spearman(gold, predicted) == pytest.approx(spearmanr(gold, predicted).statistic)
    assert math.isnan(spearman(gold, np.ones(80)))


def test_clustered_errors_are_the_spread_over_drawn_clusters() -> None:
    """Clusters of unequal size, drawn with replacement 4,000 times."""
    rng = np.random.default_rng(9)
    parts = [
        rng.random(size) + shift for size, shift in zip([3, 8, 5] * 20, rng.random(60), strict=True)
    ]
    values = np.concatenate(parts)
    groups = np.repeat(np.arange(60), [len(part) for part in parts]).tolist()
    means = [
        np.concatenate([parts[i] for i in rng.integers(0, 60, 60)]).mean() for _ in range(4000)
    ]
    found = standard_error(mean_influence(values), groups)
    assert found == pytest.approx(np.std(means), rel=0.05)
    alone = standard_error(mean_influence(values))
    assert found is not None
    assert alone is not None
    assert found > 1.3 * alone
