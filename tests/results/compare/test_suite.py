"""Comparisons over a suite: Holm over its tasks, averages of differences, what is missing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from evalsuite.registry.suites import Column, Section, SubtaskMean, Suite
from evalsuite.results.columns import plan_layout
from evalsuite.results.compare.suite import Side, SuiteComparison, compare_suite
from evalsuite.results.sampled import sampled
from evalsuite.schema import Record
from evalsuite.stats import holm
from helpers.records import record, scored

SUITE = Suite(
    name="s",
    tasks=("a", "b", "f1", "f2"),
    subtask_means=(SubtaskMean(name="forum", mean_of=("f1", "f2")),),
    sections=(
        Section(
            world="embedding",
            title="Embedding",
            columns=(
                Column(label="One", tasks=("a",)),  # no average: it is its task
                Column(label="Two", tasks=("b", "forum")),
            ),
            average="tasks",
        ),
    ),
)
TASKS = ("a", "b", "f1", "f2")
RNG = np.random.default_rng(23)
VALUES = {task: RNG.random((2, 50)) for task in TASKS}


def whole(margin: float | None = None, without: str | None = None) -> SuiteComparison:
    """Checkpoints ``old`` and ``new`` over the suite; ``without``: a task that failed for new."""
    samples: dict[int, Any] = {}
    sides: list[dict[str, Record]] = []
    for side, name in enumerate(("old", "new")):
        records: dict[str, Record] = {}
        for task in TASKS:
            values = VALUES[task][side]
            made = record(task, float(values.mean()), checkpoint=name, n=50)
            if task == without and name == "new":
                made = made.model_copy(
                    update={"status": "failed", "score": None, "reason": "no memory"}
                )
            records[task] = made
            samples[id(made)] = scored(values)
        sides.append(records)
    layout = plan_layout([r for side in sides for r in side.values()], SUITE, {})
    first, second = (
        Side(name=name, records=records, load=lambda r: sampled(r, samples[id(r)]))
        for name, records in zip(("old", "new"), sides, strict=True)
    )
    return compare_suite(first, second, layout, margin=margin)


def test_p_values_are_corrected_over_the_tasks() -> None:
    found = whole()
    assert [line.comparison.task for line in found.tasks] == list(TASKS)
    plain = [line.comparison.p for line in found.tasks]
    assert [line.adjusted_p for line in found.tasks] == holm([p or 0 for p in plain])


def test_averages_are_means_of_differences() -> None:
    """Forum is the mean of two, Two the mean of b and forum, Avg the mean of a, b and forum."""
    d = {task: VALUES[task][1] - VALUES[task][0] for task in TASKS}
    error = {task: d[task].std(ddof=1) / math.sqrt(50) for task in TASKS}
    forum = (d["f1"].mean() + d["f2"].mean()) / 2
    forum_error = math.hypot(error["f1"], error["f2"]) / 2
    expected = {
        "Two": ((d["b"].mean() + forum) / 2, math.hypot(error["b"], forum_error) / 2),
        "Avg": (
            (d["a"].mean() + d["b"].mean() + forum) / 3,
            math.hypot(error["a"], error["b"], forum_error) / 3,
        ),
    }
    found = {line.label: line for line in whole().averages}
    assert set(found) == set(expected)
    for label, (delta, stderr) in expected.items():
        difference = found[label].difference
        assert difference is not None
        assert difference.delta == pytest.approx(delta)
        assert difference.stderr == pytest.approx(stderr)
        assert found[label].second - found[label].first == pytest.approx(delta)


def test_what_failed_is_named_and_no_average_contains_it() -> None:
    found = whole(without="f2")
    assert found.missing == (("f2", "new failed: no memory"),)
    assert found.averages == ()
    assert len(found.tasks) == 3


def test_a_margin_asks_for_equivalence() -> None:
    assert all(line.equivalent_p is None for line in whole().tasks)
    wide, narrow = whole(margin=0.9), whole(margin=0.001)
    assert all((line.equivalent_p or 0) < 1e-6 for line in wide.tasks)
    assert all((line.equivalent_p or 0) > 0.4 for line in narrow.averages)
