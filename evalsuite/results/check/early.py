"""Ending a check's tasks early: rules from a baseline, and verdicts from what was stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalsuite.metrics import metric_of
from evalsuite.results.check.policy import Policy
from evalsuite.results.compare.pair import Comparison, Load
from evalsuite.results.compare.suite import Side
from evalsuite.results.sampled import Sampled
from evalsuite.schema import Record, Stopped
from evalsuite.stopping.rules import EARLY_LOOKS, Stopping, StopRule


@dataclass(frozen=True, slots=True)
class EarlyRules:
    """What a check may end early, and what it may not."""

    stopping: Stopping
    notes: tuple[str, ...]
    """Why tasks that could end early do not, a line each."""


def rules_of(
    baseline: Side,
    policy: Policy,
    *,
    stoppable: Iterable[str],
    tests: int,
    categories: Mapping[str, str | None],
    red: Path | None = None,
) -> EarlyRules:
    """The rules by which a candidate's tasks end early.

    Args:
        baseline: Its scores, and how their samples are read.
        policy: What is asked.
        stoppable: The tasks whose kind can end early.
        tests: Number of tasks of the check.
        categories: Task → category.
        red: The file that ends the check; see :class:`Stopping`.
    """
    rules: dict[str, StopRule] = {}
    notes = []
    for task in stoppable:
        found = _rule(baseline.records.get(task), baseline.load)
        if isinstance(found, str):
            notes.append(f"{task}: not stopped early: {found}")
            continue
        record, samples = found
        metric = metric_of(record)
        tolerance = policy.tolerance.of(task, categories.get(task))
        assert samples.values is not None
        rules[task] = StopRule(
            task_hash=record.signature.task_hash,
            data=record.signature.data,
            metric=metric.name,
            sign=metric.sign or 1,
            tolerance=tolerance / metric.factor,
            significance=policy.significance,
            tests=tests,
            required=policy.is_required(task, in_baseline=True),
            samples=samples.ids,
            scores=tuple(samples.values.tolist()),
            weights=tuple(samples.weights.tolist()),
            groups=samples.groups,
        )
    timed = {task: r.timings for task, r in baseline.records.items() if r.timings is not None}
    stopping = Stopping(
        rules=rules,
        seconds={task: one.total for task, one in timed.items()},
        # Tasks share an engine: how long one took as a whole says more about the others.
        costs={
            task: one.engine / n
            for task, one in timed.items()
            if one.engine and (n := baseline.records[task].n)
        },
        red=red,
    )
    return EarlyRules(stopping, tuple(notes))


def _rule(record: Record | None, load: Load) -> tuple[Record, Sampled] | str:
    """The baseline's record and samples, or why a task cannot end early."""
    if record is None or record.score is None:
        return "the baseline has no score"
    if record.origin is not None:
        return "the baseline's score was imported"
    metric = metric_of(record)
    if metric.sign is None or metric.range != (0.0, 1.0):
        return f"{metric.name} is not a score between 0 and 1 of which the direction is known"
    samples = load(record)
    if samples is None or samples.values is None:
        return "the baseline has no samples with a score"
    if len(set(samples.ids)) < len(samples.ids):
        return "samples of the baseline have the same name"
    if not np.all((samples.values >= 0) & (samples.values <= 1)):
        return "samples of the baseline score outside 0 and 1"
    return record, samples


def stopped_comparison(record: Record, ended: Stopped) -> Comparison:
    """The comparison of a task that ended early, on the samples that were answered."""
    return Comparison(
        task=record.signature.task,
        first=ended.baseline,
        second=ended.score,
        difference=None,
        p=None,
        test="betting",
        won=ended.won,
        lost=ended.lost,
        samples=ended.n,
        metric=metric_of(record),
    )


def early_p(record: Record, rule: StopRule | None) -> float | None:
    """The p-value of the early looks at a full record; ``None`` if they were not of this rule."""
    kept = record.details.get(EARLY_LOOKS)
    same = rule is not None and isinstance(kept, dict) and kept.get("rule") == rule.key
    return float(kept["p"]) if same and kept else None
