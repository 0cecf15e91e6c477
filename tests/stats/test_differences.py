"""Differences, intervals and tests against closed forms, enumeration and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import average_precision_score

from evalsuite.stats import (
    Difference,
    average_precision_influence,
    equivalence_p,
    holm,
    interval,
    mcnemar_p,
    mean_influence,
    mean_with_error,
    paired,
    sign_flip_p,
    spearman_influence,
    standard_error,
    unpaired,
    wilson_interval,
)

RNG = np.random.default_rng(11)


def test_a_paired_mean_is_the_paired_t_test() -> None:
    first, second = RNG.normal(size=(2, 40))
    second += 0.3
    found = paired(second.mean() - first.mean(), mean_influence(first), mean_influence(second))
    expected = scipy_stats.ttest_rel(second, first)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.9)
    assert (found.interval(0.9).low, found.interval(0.9).high) == pytest.approx((low, high))


def test_clusters_of_equal_size_count_as_their_means() -> None:
    """√(Σ(x̄_g − x̄)² / (G(G − 1))): what a t-test over the cluster means would take."""
    x = RNG.normal(size=(30, 5)) + RNG.normal(size=(30, 1))
    groups = np.repeat(np.arange(30), 5).tolist()
    expected = x.mean(axis=1).std(ddof=1) / math.sqrt(30)
    assert standard_error(mean_influence(x.ravel()), groups) == pytest.approx(expected)
    alone = standard_error(mean_influence(x.ravel()))
    assert alone is not None
    assert expected > 1.3 * alone


def test_groups_and_items_must_match() -> None:
    with pytest.raises(ValueError, match="2 groups for 3 items"):
        standard_error([1.0, 0.0, -1.0], ["a", "b"])


def test_one_group_has_no_error() -> None:
    assert standard_error([1.0, -1.0], ["a", "a"]) is None
    assert paired(0.0, [1.0, -1.0], [0.0, 0.0], ["a", "a"]) is None


def ap(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(average_precision_score(labels, scores))


def rho(gold: np.ndarray, scores: np.ndarray) -> float:
    return float(scipy_stats.spearmanr(gold, scores).statistic)


@pytest.mark.parametrize("metric", ["spearman", "ap"])
def test_paired_errors_of_ranked_metrics_are_those_of_the_bootstrap(metric: str) -> None:
    """Two models with a common error on each item: pairing must see that it cancels."""
    n = 400
    rng = np.random.default_rng(7)
    gold = rng.normal(size=n)
    shared = rng.normal(size=n)
    scores = [gold + shared + 0.4 * rng.normal(size=n) for _ in range(2)]
    labels = gold if metric == "spearman" else (gold > 0.5).astype(float)
    influence, statistic = {
        "spearman": (spearman_influence, rho),
        "ap": (average_precision_influence, ap),
    }[metric]
    first, second = (influence(labels, s) for s in scores)
    assert first is not None
    assert second is not None
    found = paired(0.0, first, second)
    assert found is not None
    drawn = [rng.integers(0, n, n) for _ in range(600)]
    spread = np.std(
        [statistic(labels[i], scores[1][i]) - statistic(labels[i], scores[0][i]) for i in drawn]
    )
    assert found.stderr == pytest.approx(spread, rel=0.12)
    apart = math.hypot(*(standard_error(psi) or 0 for psi in (first, second)))
    assert found.stderr < 0.7 * apart


def test_mcnemar_counts_the_binomial_tail() -> None:
    # 2 · P(X ≤ 2 | n = 10, ½) = 2 · (1 + 10 + 45) / 1024
    assert mcnemar_p(8, 2) == pytest.approx(112 / 1024)
    assert mcnemar_p(2, 8) == mcnemar_p(8, 2)
    assert mcnemar_p(0, 0) == 1.0


def test_sign_flips_are_counted_exactly_for_few_items() -> None:
    values = np.array([0.5, -0.1, 0.3, 0.2, 0.4])
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((-1, 1), repeat=5)
    ]
    expected = np.mean([total >= abs(values.sum()) - 1e-12 for total in sums])
    assert sign_flip_p(values) == pytest.approx(expected)
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([*values, 0.0, 0.0]) == sign_flip_p(values)


def test_drawn_sign_flips_agree_with_the_t_test_and_are_seeded() -> None:
    values = np.random.default_rng(5).normal(0.12, 1, 300)
    expected = scipy_stats.ttest_1samp(values, 0).pvalue
    assert sign_flip_p(values) == pytest.approx(expected, abs=0.015)
    assert sign_flip_p(values, seed=1) == sign_flip_p(values, seed=1)


def test_sign_flips_hold_their_level_on_right_or_wrong_items() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        first, second = rng.integers(0, 2, (2, 60))
        alarms += sign_flip_p(second - first, draws=400) <= 0.05
    # 5 % plus two standard errors of 400 trials
    assert alarms / 400 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_holm_by_hand() -> None:
    # 0.01·4, 0.02·3, max(0.06, 0.03·2), max(0.06, 0.5·1)
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_equivalence_is_two_one_sided_t_tests() -> None:
    x = np.random.default_rng(2).normal(0.1, 1, 50)
    margin = 0.5
    lower = scipy_stats.ttest_1samp(x, -margin, alternative="greater").pvalue
    upper = scipy_stats.ttest_1samp(x, margin, alternative="less").pvalue
    stderr = x.std(ddof=1) / math.sqrt(50)
    assert equivalence_p(x.mean(), stderr, 50, margin) == pytest.approx(max(lower, upper))
    assert equivalence_p(0.6, stderr, 50, margin) > 0.5
    assert equivalence_p(0.0, 0.0, 50, margin) == 0.0
    assert equivalence_p(0.5, 0.0, 50, margin) == 1.0


def test_the_smallest_detectable_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(8)
    n = 80
    stderr = 1 / math.sqrt(n)
    least = Difference(0.0, stderr, n, paired=True).detectable()
    found = [
        scipy_stats.ttest_1samp(rng.normal(least, 1, n), 0).pvalue <= 0.05 for _ in range(2000)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


def test_intervals_of_a_mean_are_students() -> None:
    x = RNG.normal(size=12)
    stderr = x.std(ddof=1) / math.sqrt(12)
    expected = scipy_stats.t.interval(0.95, 11, loc=x.mean(), scale=stderr)
    found = interval(float(x.mean()), stderr, 12)
    assert (found.low, found.high) == pytest.approx(expected)
    assert float(x.mean()) in found
    assert found.high + 1 not in found


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20), (570, 1000)])
def test_intervals_of_a_proportion_are_wilsons(k: int, n: int) -> None:
    expected = scipy_stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    found = wilson_interval(k, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_an_average_is_as_uncertain_as_its_parts() -> None:
    assert mean_with_error([1.0, 3.0], [3.0, 4.0]) == (2.0, 2.5)
    assert mean_with_error([1.0, 3.0], [3.0, None]) == (2.0, None)


def test_models_on_different_items_are_compared_without_pairing() -> None:
    found = unpaired(0.1, 0.03, 0.04, 50, 20)
    assert (found.stderr, found.groups, found.paired) == (pytest.approx(0.05), 20, False)


def test_no_difference_at_all_is_no_finding() -> None:
    same = paired(0.0, [1.0, -1.0], [1.0, -1.0])
    assert same is not None
    assert (same.p, same.stderr) == (1.0, 0.0)
