"""From samples to the standard error of a record: which items are independent of which."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalsuite.results.sampled import MEAN_OVER_GROUPS, sampled
from evalsuite.schema import Record
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
