"""Metrics of which lower is better: the gate, the table and the comparison know it."""

from __future__ import annotations

import numpy as np
import pytest

from evalsuite.metrics import Metric, metric_of
from evalsuite.results.check.policy import Policy, Tolerance
from evalsuite.results.check.verdicts import TaskVerdict, verdicts_of
from evalsuite.results.compare.pair import Comparison, compare
from evalsuite.results.sampled import sampled
from evalsuite.schema import Record
from helpers.records import record, scored

RNG = np.random.default_rng(5)
BITS = RNG.uniform(0.6, 0.9, 300)


def of_metric(name: str, score: float, **more: object) -> Record:
    made = record("t", score, checkpoint=name[0], n=len(BITS))
    return made.model_copy(update={"main_metric": name, "percent": False, **more})


def bits(first: np.ndarray, second: np.ndarray, name: str = "bits_per_byte") -> Comparison:
    one, two = (of_metric(name, float(values.mean())) for values in (first, second))
    return compare(one, two, (sampled(one, scored(first)), sampled(two, scored(second))))


def verdict(comparison: Comparison, tolerance: float = 0.05) -> TaskVerdict:
    [line] = verdicts_of(
        {"t": comparison},
        {},
        Policy(tolerance=Tolerance(default=tolerance)),
        categories={"t": None},
        in_baseline=frozenset({"t"}),
    )
    return line


@pytest.mark.parametrize("name", ["bits_per_byte", "word_perplexity", "brier_score", "ter"])
def test_more_is_a_regression_and_less_is_not(name: str) -> None:
    worse = verdict(bits(BITS, BITS + RNG.uniform(0.2, 0.28, 300), name))
    assert worse.verdict == "regression"
    assert worse.reason.startswith("worse by 0.2")
    better = verdict(bits(BITS, BITS - RNG.uniform(0.2, 0.3, 300), name))
    assert better.verdict == "pass"
    assert better.at_worst is not None
    assert better.at_worst < -0.2


def test_samples_that_are_lower_are_won() -> None:
    second = BITS.copy()
    second[:200] -= 0.1
    second[200:210] += 0.1
    comparison = bits(BITS, second)
    assert (comparison.won, comparison.lost) == (200, 10)
    assert comparison.gain == pytest.approx(-comparison.delta)


def test_what_is_better_is_not_guessed() -> None:
    line = verdict(bits(BITS, BITS + 0.3, "quality_of_prose"))
    assert line.verdict == "missing"
    assert line.reason == (
        "not checked: whether higher or lower quality_of_prose is better is not known"
    )


def test_the_record_says_more_than_the_name() -> None:
    stated = of_metric("score", 0.5, direction="lower", unit="fraction")
    assert metric_of(stated) == Metric(name="score", direction="lower", unit="fraction")
    earlier = of_metric("perplexity", 12.0)
    assert metric_of(earlier) == Metric(name="perplexity", direction="lower", unit="other")
