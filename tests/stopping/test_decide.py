"""When the answers so far decide a task."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from evalsuite.stopping.decide import Answered, look, next_look, stopped
from evalsuite.stopping.rules import StopRule

N = 400


def rule(**changes: object) -> StopRule:
    plain = StopRule(
        task_hash="t", data="d", metric="acc", sign=1, tolerance=0.03, significance=0.05, tests=1,
        required=True, samples=tuple(map(str, range(N))), scores=(1.0,) * N, weights=(1.0,) * N,
        groups=None,
    )  # fmt: skip
    return plain.model_copy(update=changes)


def answered(gains: list[int], groups: tuple[str, ...] | None = None) -> Answered:
    base = np.array([1.0 if gain < 0 else 0.0 for gain in gains])
    return Answered(
        baseline=base, candidate=base + gains, weights=np.ones(len(gains)), groups=groups, total=N
    )


def test_a_broken_checkpoint_is_red_after_a_few_answers() -> None:
    found = look(answered([-1, -1, 0, -1] * 8), rule())
    assert found.verdict == "regression"
    assert found.drop_p <= 0.01


def test_more_tasks_need_more_evidence() -> None:
    few = answered([-1, 0, -1, 0] * 8)
    assert look(few, rule()).verdict == "regression"
    assert look(few, rule(tests=1000)).verdict is None


def test_a_drop_within_the_tolerance_is_no_regression() -> None:
    steady = answered([-1] + [0] * 4)
    many = replace(
        steady,
        baseline=np.tile(steady.baseline, 60),
        candidate=np.tile(steady.candidate, 60),
        weights=np.ones(300),
    )
    assert look(many, rule(tolerance=0.1)).verdict == "regression"
    assert look(many, rule(tolerance=0.3)).verdict == "pass"


def test_no_change_is_a_pass_before_the_end() -> None:
    assert look(answered([0] * 20), rule()).verdict is None
    assert look(answered([0] * 300), rule()).verdict == "pass"


def test_lower_can_be_better() -> None:
    found = look(answered([-1, -1, 0, -1] * 8), rule(sign=-1))
    assert found.verdict != "regression"


def test_one_bad_group_is_no_regression() -> None:
    gains = [-1] * 30 + [0] * 30
    groups = ("a",) * 30 + ("b",) * 10 + ("c",) * 10 + ("d",) * 10
    assert look(answered(gains), rule()).verdict == "regression"
    found = look(answered(gains, groups), rule())
    assert (found.verdict, found.drop_p) == (None, 1.0)


def test_what_is_known_of_a_stopped_task() -> None:
    part, asked = answered([-1, -1, 0, 1] * 10), rule()
    known = stopped(part, asked, look(part, asked))
    assert (known.n, known.total, known.won, known.lost) == (40, N, 10, 20)
    assert known.score - known.baseline == pytest.approx(-0.25)
    assert known.low <= known.score <= known.high
    assert known.at_worst > 0.25
    assert known.rule == asked.key != rule(tolerance=0.04).key


def test_looks_grow_and_end_with_the_last_item() -> None:
    looks = [0]
    while looks[-1] < 1000:
        looks.append(next_look(looks[-1], 1000, 16))
    assert looks[1:4] == [16, 32, 48]
    assert looks[-1] == 1000
    assert all(b - a <= max(16, 0.11 * a) for a, b in pairwise(looks))
