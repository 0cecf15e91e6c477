"""What is called a regression, a pass, inconclusive, missing; and what keeps a check red."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evalsuite.results.check.policy import Policy, Tolerance
from evalsuite.results.check.verdicts import CheckResult, TaskVerdict, at_worst, drop_p, verdicts_of
from evalsuite.results.compare.pair import Comparison, compare
from evalsuite.results.sampled import sampled
from evalsuite.stats import holm, largest_drop
from helpers.records import record, scored

RNG = np.random.default_rng(71)
CATEGORIES = {"t": "Retrieval"}


def compared(first: Any, second: Any, **change: Any) -> Comparison:
    one = record("t", float(np.mean(first)), n=len(first))
    two = record(score=float(np.mean(second)), checkpoint="b", n=len(second), **change)
    return compare(one, two, (sampled(one, scored(first)), sampled(two, scored(second))))


def verdict(comparison: Comparison, **policy: Any) -> TaskVerdict:
    [line] = verdicts_of(
        {"t": comparison},
        {},
        Policy(**policy),
        categories=CATEGORIES,
        in_baseline=frozenset({"t"}),
    )
    return line


def flips(samples: int, won: int, lost: int) -> Comparison:
    """Right-or-wrong samples of which some changed."""
    first = np.zeros(samples)
    first[: samples // 2] = 1
    second = first.copy()
    second[:lost] = 0
    second[samples - won :] = 1
    return compared(first, second)


def test_a_drop_that_chance_does_not_explain_is_a_regression() -> None:
    line = verdict(flips(1000, won=5, lost=35))
    assert line.verdict == "regression"
    assert line.drop_p == pytest.approx(flips(1000, 5, 35).p / 2)  # type: ignore[operator]
    assert "worse by 3.0" in line.reason


def test_a_drop_within_the_tolerance_is_none_however_sure() -> None:
    comparison = flips(10_000, won=0, lost=50)
    assert verdict(comparison, tolerance=Tolerance(default=0)).verdict == "regression"
    line = verdict(comparison, tolerance=Tolerance(default=1))
    assert line.verdict == "pass"
    assert line.reason == "a drop of more than 1 is ruled out"


def test_few_items_can_neither_convict_nor_acquit() -> None:
    comparison = flips(60, won=1, lost=3)
    line = verdict(comparison)
    assert line.verdict == "inconclusive"
    assert line.at_worst == pytest.approx(100 * largest_drop(1, 3, 60))
    assert f"a drop of up to {line.at_worst:.1f}" in line.reason


def test_a_pass_needs_the_tolerated_drop_ruled_out() -> None:
    comparison = flips(400, won=4, lost=4)
    bound = 100 * largest_drop(4, 4, 400)
    assert verdict(comparison, tolerance=Tolerance(default=bound + 0.01)).verdict == "pass"
    below = verdict(comparison, tolerance=Tolerance(default=bound - 0.01))
    assert below.verdict == "inconclusive"


def test_the_same_samples_pass_whatever_the_tolerance() -> None:
    values = RNG.random(30)
    line = verdict(compared(values, values), tolerance=Tolerance(default=0))
    assert (line.verdict, line.at_worst) == ("pass", 0.0)
    assert line.reason == "no sample changed (of 30)"


def test_equal_scores_of_changed_samples_are_not_the_same_samples() -> None:
    line = verdict(flips(60, won=6, lost=6))
    assert line.comparison is not None
    assert line.comparison.delta == 0
    assert line.verdict == "inconclusive"


def test_bounds_of_continuous_scores_are_one_sided_students() -> None:
    first, second = RNG.random(80), RNG.random(80)
    comparison = compared(first, second)
    from scipy.stats import t

    d = second - first
    low = d.mean() - t.ppf(0.95, 79) * d.std(ddof=1) / np.sqrt(80)
    assert at_worst(comparison, 0.05) == pytest.approx(-100 * low)


def test_the_one_sided_p_is_that_of_the_drop() -> None:
    assert drop_p(flips(100, won=0, lost=5)) == pytest.approx(0.5**5)
    assert drop_p(flips(100, won=5, lost=0)) == pytest.approx(1 - 0.5**5)


def test_a_score_without_uncertainty_is_inconclusive() -> None:
    one = record("t", 0.5).model_copy(update={"stderr": None})
    two = record("t", 0.2, checkpoint="b").model_copy(update={"stderr": None})
    line = verdict(compare(one, two, (None, None)))
    assert (line.verdict, line.at_worst, line.drop_p) == ("inconclusive", None, None)
    assert line.reason == "no samples to pair"


def test_p_values_are_corrected_over_the_tasks_of_the_check() -> None:
    found = {"a": flips(100, 0, 6), "b": flips(100, 3, 9), "c": flips(100, 8, 2)}
    lines = verdicts_of(found, {}, Policy(), categories={}, in_baseline=frozenset(found))
    assert [line.drop_p for line in lines] == holm([drop_p(one) or 0 for one in found.values()])


def result(policy: Policy, *lines: TaskVerdict) -> CheckResult:
    return CheckResult(baseline="a", candidate="b", policy=policy, tasks=lines)


def missing(policy: Policy, *, in_baseline: bool) -> TaskVerdict:
    has = frozenset({"u"}) if in_baseline else frozenset()
    [line] = verdicts_of({}, {"u": "b has no score"}, policy, categories={}, in_baseline=has)
    return line


PASS = verdict(flips(100_000, won=10, lost=10))
UNCLEAR = verdict(flips(60, won=1, lost=3))
DROP = verdict(flips(1000, won=5, lost=35))


@pytest.mark.parametrize(
    ("settings", "in_baseline", "blocking"),
    [
        ({}, True, "missing"),
        ({}, False, None),
        ({"required": "all"}, False, "missing"),
        ({"required": ("u",), "missing": "allow"}, False, "missing"),
        ({"required": ("t",)}, True, None),
        ({"required": ("t",), "missing": "fail"}, True, "missing"),
    ],
)
def test_a_required_task_that_is_missing_is_never_green(
    settings: dict[str, Any], in_baseline: bool, blocking: str | None
) -> None:
    policy = Policy(**settings)
    found = result(policy, PASS, missing(policy, in_baseline=in_baseline))
    assert found.blocking == blocking
    assert found.verdict == "missing"


def test_a_regression_outweighs_what_is_missing() -> None:
    found = result(Policy(), PASS, DROP, missing(Policy(), in_baseline=True))
    assert found.blocking == found.verdict == "regression"


def test_the_policy_says_what_inconclusive_means() -> None:
    assert result(Policy(), PASS, UNCLEAR).blocking is None
    assert result(Policy(inconclusive="fail"), PASS, UNCLEAR).blocking == "inconclusive"
    assert result(Policy(), PASS, UNCLEAR).verdict == "inconclusive"


def test_nothing_compared_is_never_green() -> None:
    lax = Policy(required=(), missing="allow")
    assert result(lax).blocking == "missing"
    assert result(lax, missing(lax, in_baseline=False)).blocking == "missing"
