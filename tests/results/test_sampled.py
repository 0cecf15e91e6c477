"""From samples to the standard error of a record: which items are independent of which."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalsuite.results.conventions import under
from evalsuite.results.sampled import MEAN_OVER_GROUPS, sampled
from evalsuite.schema import LEADERBOARD_METRIC, Record
from helpers.records import Rows, record, scored

RNG = np.random.default_rng(23)


def stratified(parts: list[np.ndarray]) -> float:
    """``√(Σ s²_h / m_h) / k``: the parts are fixed, the items of each are drawn."""
    return math.sqrt(sum(part.var(ddof=1) / part.size for part in parts)) / len(parts)


def with_details(made: Record) -> Record:
    return made.model_copy(update={"details": {MEAN_OVER_GROUPS: True}})


def languages() -> tuple[list[np.ndarray], Rows, float]:
    """Nine languages of four items each, some easy, some hard."""
    parts = [RNG.random(4) / 10 + number / 10 for number in range(9)]
    rows = scored(
        np.concatenate(parts), group=[f"l{number}" for number in range(9) for _ in "1234"]
    )
    return parts, rows, float(np.mean([part.mean() for part in parts]))


def test_groups_of_one_size_are_fixed_parts_where_the_score_is_their_mean() -> None:
    """The mean over items and over groups is the same number: the definition decides."""
    parts, rows, score = languages()
    fixed = sampled(with_details(record("t", score)), rows)
    assert fixed is not None
    assert fixed.stderr == pytest.approx(stratified(parts))
    assert (fixed.groups, fixed.parts, fixed.independent) == (None, 9, 36)
    assert fixed.how == "spread of 36 samples, within 9 parts"


def test_groups_of_one_size_are_drawn_where_the_score_is_a_mean_over_items() -> None:
    parts, rows, score = languages()
    drawn = sampled(record("t", score), rows)
    assert drawn is not None
    means = np.array([part.mean() for part in parts])
    assert drawn.stderr == pytest.approx(means.std(ddof=1) / 3)
    assert drawn.independent == 9
    assert drawn.how == "spread of 36 samples in 9 groups"


def test_subsets_of_one_size_are_fixed_parts() -> None:
    easy, hard = RNG.random(20) / 2 + 0.5, RNG.random(20) / 2
    rows = scored(np.concatenate([easy, hard]), subset=["en"] * 20 + ["de"] * 20)
    found = sampled(record("t", float((easy.mean() + hard.mean()) / 2)), rows)
    assert found is not None
    assert found.stderr == pytest.approx(stratified([easy, hard]))


def test_groups_within_subsets_are_clusters_of_their_subset() -> None:
    values = RNG.random(40)
    pages = [f"{number // 4}" for number in range(40)]
    subsets = ["en"] * 20 + ["de"] * 20
    rows = scored(values, subset=subsets, group=pages)
    found = sampled(record("t", float(values.mean())), rows)
    assert found is not None
    means = values.reshape(10, 4).mean(axis=1)
    assert found.stderr == pytest.approx(stratified([means[:5], means[5:]]))
    assert (found.independent, found.parts) == (10, 2)


def test_one_subset_is_no_part() -> None:
    values = RNG.random(30)
    found = sampled(record("t", float(values.mean())), scored(values, subset=["default"] * 30))
    assert found is not None
    assert found.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(30))
    assert found.how == "spread of 30 samples"


def test_the_best_of_four_similarities_is_found_again() -> None:
    from sklearn.metrics import average_precision_score

    labels = RNG.integers(0, 2, 60)
    sides = {side: RNG.normal(size=60) + labels * pull for side, pull in SIDES.items()}
    rows: Rows = [
        {"sample": str(i), "label": int(labels[i]), **{s: float(x[i]) for s, x in sides.items()}}
        for i in range(60)
    ]
    scores = {side: float(average_precision_score(labels, x)) for side, x in sides.items()}
    best = max(scores, key=lambda side: scores[side])
    found = sampled(record("t", scores[best], metric="max_ap"), rows)
    same = sampled(record("t", scores[best], metric=f"{best}_ap"), rows)
    assert found is not None
    assert same is not None
    assert found.stderr == same.stderr
    assert found.how == "influences of 60 samples"


SIDES = {"cosine": 0.5, "dot": 2.0, "manhattan": 0.0, "euclidean": 0.2}


def ranked_rows() -> tuple[Rows, float]:
    """Rows of a similarity task with Spearman's correlation by SciPy."""
    from scipy.stats import spearmanr

    gold = RNG.normal(size=50)
    cosine = gold + RNG.normal(size=50)
    rows: Rows = [
        {"sample": str(i), "gold": float(gold[i]), "cosine": float(cosine[i])} for i in range(50)
    ]
    return rows, float(spearmanr(gold, cosine).statistic)


def test_the_stated_estimator_counts_whatever_the_metric_is_called() -> None:
    rows, score = ranked_rows()
    unnamed = record("t", score, metric="agreement")
    assert sampled(unnamed, rows) is None
    stated = sampled(unnamed.model_copy(update={"estimator": "spearman"}), rows)
    older = sampled(record("t", score, metric="cosine_spearman"), rows)
    assert stated is not None
    assert older is not None
    assert stated.stderr == older.stderr


def test_a_score_that_is_no_mean_is_not_taken_for_one() -> None:
    """The median of these samples happens to be their mean."""
    rows = scored([0.0, 0.5, 1.0])
    made = record("t", 0.5, metric="median")
    assert sampled(made, rows) is not None, "an older record states nothing"
    assert sampled(made.model_copy(update={"estimator": "other"}), rows) is None


def test_another_metric_than_the_records_own_has_another_estimator() -> None:
    rows, score = ranked_rows()
    details = {LEADERBOARD_METRIC: "cosine_pearson"}
    metrics = {"cosine_spearman": score, "cosine_pearson": score}
    made = record("t", score, metric="cosine_spearman").model_copy(
        update={"estimator": "spearman", "details": details, "metrics": metrics}
    )
    assert sampled(made, rows) is not None
    assert sampled(under(made, "leaderboard"), rows) is None
