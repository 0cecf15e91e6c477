"""Tests that may be looked at after every item: levels by simulation, values by definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evalsuite.stats import anytime_p, largest_mean, sampled_mean_interval
from evalsuite.stats.betting import MOST_OF_CAPITAL


def test_a_p_value_is_one_over_the_best_capital_so_far() -> None:
    """By hand: before the first value both bets are those of the prior ½ and ¼."""
    found = anytime_p([0.0], 0.5, "below", horizon=100, level=0.01)
    planned = min(np.sqrt(2 * np.log(100) / (0.25 * 100)), MOST_OF_CAPITAL / 0.5)
    capital = (1.0 + (1 + planned * 0.5)) / 2  # nothing is known yet: the other one bets nothing
    assert found == pytest.approx([1 / capital])


def test_no_strategy_gains_on_average_if_the_hypothesis_holds() -> None:
    """Over all sequences of a fair coin the mean capital is 1: 1/p cannot exceed its maximum's."""
    n = 10
    coins = np.array(list(itertools.product([0.0, 1.0], repeat=n)))
    p = anytime_p(coins, 0.5, "below", horizon=n, level=0.05)
    for level in (0.5, 0.2, 0.1, 0.05, 0.01):
        assert np.mean(p[:, -1] <= level) <= level


@pytest.mark.parametrize("side", ["below", "above"])
def test_looking_after_every_item_keeps_the_level(side: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.choice([0.0, 0.5, 1.0], (2000, 300), p=[0.05, 0.9, 0.05])
    p = anytime_p(values, 0.5, side, horizon=300, level=0.05)  # type: ignore[arg-type]
    assert np.mean(p[:, -1] <= 0.05) <= 0.05
    assert (np.diff(p, axis=1) <= 0).all()


def test_a_path_does_not_depend_on_what_follows() -> None:
    values = np.random.default_rng(4).random(200)
    whole = anytime_p(values, 0.6, "below", horizon=200, level=0.01)
    for n in (1, 17, 120):
        part = anytime_p(values[:n], 0.6, "below", horizon=200, level=0.01)
        assert part == pytest.approx(whole[:n])


def test_the_largest_mean_is_where_the_test_begins_to_reject() -> None:
    values = (np.random.default_rng(5).random(300) < 0.2).astype(float)
    bound = largest_mean(values, horizon=300, alpha=0.05)
    assert values.mean() < bound < 0.3
    p = [anytime_p(values, bound + d, "below", horizon=300, level=0.05)[-1] for d in (-0.01, 0.01)]
    assert p[0] > 0.05 >= p[1]


def test_intervals_hold_the_mean_of_the_whole_set_at_every_look() -> None:
    rng = np.random.default_rng(6)
    population = (rng.random(120) < 0.7).astype(float)
    missed = 0
    for _ in range(150):
        drawn = rng.permutation(population)
        looks = [sampled_mean_interval(drawn[:n], 120) for n in (10, 30, 60, 100)]
        missed += any(population.mean() not in one for one in looks)
    assert missed / 150 <= 0.05


def test_an_interval_is_the_mean_when_all_is_drawn() -> None:
    values = np.random.default_rng(7).random(80)
    whole = sampled_mean_interval(values, 80)
    assert whole.low <= values.mean() <= whole.high
    assert whole.high - whole.low < 1e-9
