"""From stored samples to a difference: scores recomputed, pairs matched, tests chosen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import average_precision_score

from evalsuite.results.compare.pair import Comparison, compare
from evalsuite.results.sampled import sampled
from helpers.records import Rows, record, scored

RNG = np.random.default_rng(17)


def against(
    first: Rows, second: Rows, scores: tuple[float, float], metric: str = "accuracy", **change: Any
) -> Comparison:
    one, two = (
        record("t", scores[0], metric=metric, stderr=0.03),
        record(score=scores[1], checkpoint="b", metric=metric, stderr=0.03, **change),
    )
    return compare(one, two, (sampled(one, first), sampled(two, second)))


def test_right_or_wrong_samples_are_mcnemars() -> None:
    first = [1] * 20 + [0] * 20
    second = [1] * 18 + [0] * 2 + [1] * 9 + [0] * 11
    found = against(scored(first), scored(second), (0.5, 27 / 40))
    assert (found.won, found.lost, found.samples, found.test) == (9, 2, 40, "McNemar")
    assert found.p == pytest.approx(scipy_stats.binomtest(9, 11).pvalue)
    assert found.delta == pytest.approx(7 / 40)


def test_the_order_of_samples_does_not_matter() -> None:
    first, second = RNG.random((2, 40))
    rows = scored(second)
    scores = (float(first.mean()), float(second.mean()))
    straight = against(scored(first), rows, scores)
    shuffled = against(scored(first), rows[::-1], scores)
    assert straight == shuffled
    assert straight.difference is not None
    assert straight.difference.p == pytest.approx(scipy_stats.ttest_rel(second, first).pvalue)


def test_rank_correlations_are_paired_by_influence() -> None:
    gold = RNG.normal(size=200)
    shared = RNG.normal(size=200)
    predicted = [gold + shared + 0.3 * RNG.normal(size=200) for _ in range(2)]
    rows = [
        [{"sample": str(i), "gold": gold[i], "cosine": p[i]} for i in range(200)] for p in predicted
    ]
    rho = [float(scipy_stats.spearmanr(gold, p).statistic) for p in predicted]
    found = against(rows[0], rows[1], (rho[0], rho[1]), "cosine_spearman")
    assert (found.test, found.won, found.samples) == ("t", None, 200)
    assert found.difference is not None
    apart = sampled(record("t", rho[0], metric="cosine_spearman"), rows[0])
    assert apart is not None
    assert found.difference.stderr < apart.stderr  # what is hard for both cancels out


def test_average_precision_is_recomputed_with_ties() -> None:
    labels = (RNG.random(60) < 0.4).astype(int)
    scores = np.round(labels + RNG.normal(size=60), 1)
    rows = [{"sample": str(i), "label": int(labels[i]), "cosine": scores[i]} for i in range(60)]
    expected = float(average_precision_score(labels, scores))
    assert sampled(record("t", expected, metric="cosine_ap"), rows) is not None
    assert sampled(record("t", expected + 0.01, metric="cosine_ap"), rows) is None


def test_a_mean_over_subsets_weighs_each_subset_alike() -> None:
    """Two subsets of 30 and 10: each sample of the small one counts three times as much."""
    values = RNG.random(40)
    rows = scored(values, subset=["en"] * 30 + ["de"] * 10)
    score = (values[:30].mean() + values[30:].mean()) / 2
    found = sampled(record("t", float(score)), rows)
    assert found is not None
    assert found.weights.tolist() == [40 / 60] * 30 + [2.0] * 10
    parts = [values[:30], values[30:]]
    expected = math.hypot(*(p.std(ddof=1) / math.sqrt(p.size) for p in parts)) / 2
    assert found.stderr == pytest.approx(expected)


def test_groups_make_samples_less_independent_unless_the_score_is_their_mean() -> None:
    level = np.repeat(RNG.normal(size=8), 5)
    values = level + 0.1 * RNG.normal(size=40)
    groups = np.repeat([f"g{i}" for i in range(8)], 5).tolist()
    rows = scored(values, group=groups)
    found = sampled(record("t", float(values.mean())), rows)
    assert found is not None
    means = values.reshape(8, 5).mean(axis=1)
    assert found.independent == 8
    assert found.stderr == pytest.approx(means.std(ddof=1) / math.sqrt(8))

    # A mean over tasks of unequal size is not the mean over samples: its tasks are fixed.
    uneven = rows[:37]
    by_task = np.mean(
        [np.mean([r["score"] for r in uneven if r["group"] == g]) for g in set(groups)]
    )
    fixed = sampled(record("t", float(by_task)), uneven)
    assert fixed is not None
    assert fixed.groups is None
    assert fixed.stderr < found.stderr


def test_samples_that_do_not_give_the_score_are_not_used() -> None:
    rows = scored([1, 0, 1, 1])
    assert sampled(record("t", 0.75), rows) is not None
    assert sampled(record("t", 0.5), rows) is None
    assert sampled(record("t", 0.75), []) is None
    assert sampled(record("t", 0.75), [*rows[:3], {"sample": "3", "score": None}]) is None


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"data": "e" * 64}, "different data"),
        ({"task_hash": "1" * 64}, "different definitions of the task"),
    ],
)
def test_what_is_not_the_same_is_not_paired(change: dict[str, Any], note: str) -> None:
    rows = scored([1, 0] * 20)
    found = against(rows, rows, (0.5, 0.5), **change)
    assert (found.note, found.test, found.samples) == (note, "t, unpaired", None)
    assert found.difference is not None
    assert found.difference.stderr == pytest.approx(0.03 * math.sqrt(2))


def test_other_samples_are_not_paired() -> None:
    rows = scored([1, 0] * 20)
    others = [{**row, "sample": f"x{row['sample']}"} for row in rows]
    assert against(rows, others, (0.5, 0.5)).note == "different samples"


def test_a_checkpoint_does_not_differ_from_itself() -> None:
    rows = scored(RNG.random(40))
    score = float(np.mean([row["score"] for row in rows]))
    found = against(rows, rows, (score, score))
    assert (found.p, found.won, found.lost, found.delta) == (1.0, 0, 0, 0.0)
