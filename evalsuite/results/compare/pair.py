"""One task, two records: the difference and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evalsuite.metrics import Metric, metric_of
from evalsuite.results.compare.settings import differing_settings
from evalsuite.results.sampled import Sampled
from evalsuite.schema import Record
from evalsuite.stats import Difference, mcnemar_p, paired, sign_flip_p, unpaired
from evalsuite.stats.errors import group_sums

Load = Callable[[Record], Sampled | None]
"""Reads a record's samples."""
Test = Literal["McNemar", "permutation", "t", "t, unpaired", "t, mean of checkpoints", "betting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two records of one task say about each other; in the metric's own unit."""

    task: str
    first: float
    second: float
    difference: Difference | None
    """``None`` where the uncertainty of one of the two is not known."""
    p: float | None
    test: Test | None
    won: int | None = None
    """Samples on which the second is better; ``None`` for metrics that no sample has."""
    lost: int | None = None
    samples: int | None = None
    """Samples that both have, if they were paired."""
    metric: Metric
    note: str = ""
    """Why the samples were not paired."""
    settings: str = ""
    """In which settings the two differ, where one of them was imported."""

    @property
    def delta(self) -> float:
        """The second score minus the first one."""
        return self.second - self.first

    @property
    def gain(self) -> float | None:
        """How much better the second score is; ``None`` where it is not known what is better."""
        return self.metric.gain(self.delta)


def compare(
    first: Record, second: Record, samples: tuple[Sampled | None, Sampled | None]
) -> Comparison:
    """Compare two scored records of one task.

    Where both keep the same samples of the same data, the comparison is paired: McNemar's exact
    test for right-or-wrong samples, a permutation of signs for other scores, and a t-test on
    differences of influences for metrics that a single sample does not have. Otherwise it rests on
    the two standard errors, as if the samples were different ones.

    Args:
        first: The baseline.
        second: The candidate.
        samples: Of each record; ``None`` where it has none.

    Raises:
        ValueError: If one of the records has no score.
    """
    if first.score is None or second.score is None:
        raise ValueError("only scored records can be compared")
    one, two = samples
    note = why_not_paired(first, second, one, two)
    settings = differing_settings(first, second)
    if note or one is None or two is None:
        found = _unpaired(first, second, note)
    else:
        found = _paired(first, second, one, two)
    return replace(found, settings=settings)


def _paired(first: Record, second: Record, one: Sampled, two: Sampled) -> Comparison:
    """Compare sample by sample; both have the same samples."""
    assert first.score is not None
    assert second.score is not None
    order = {name: index for index, name in enumerate(two.ids)}
    at = np.array([order[name] for name in one.ids], dtype=np.intp)
    groups: Sequence[str] | None = one.groups
    difference = paired(second.score - first.score, one.influence, two.influence[at], groups)
    if one.values is None or two.values is None:
        return Comparison(
            task=first.signature.task,
            first=first.score,
            second=second.score,
            difference=difference,
            p=difference.p if difference else None,
            test="t",
            samples=len(one.ids),
            metric=metric_of(first),
        )
    gained = two.values[at] - one.values
    better = gained * (metric_of(first).sign or 1)
    won, lost = int((better > 0).sum()), int((better < 0).sum())
    test: Test = "McNemar" if right_or_wrong(one, two) and groups is None else "permutation"
    if test == "McNemar":
        p = mcnemar_p(won, lost)
    else:
        p = sign_flip_p(group_sums(one.weights * gained, groups))
    return Comparison(
        task=first.signature.task,
        first=first.score,
        second=second.score,
        difference=difference,
        p=p,
        test=test,
        won=won,
        lost=lost,
        samples=len(one.ids),
        metric=metric_of(first),
    )


def why_not_paired(first: Record, second: Record, one: Sampled | None, two: Sampled | None) -> str:
    """What keeps two records from being compared sample by sample; empty if nothing does.

    A result file of others names neither the task's definition nor its data: there, samples are
    the same that have the same name and the same prompt.
    """
    if one is None or two is None:
        return "no samples to pair"
    if why := why_not_paired_with(first, second, one, two):
        return why
    if set(one.ids) != set(two.ids) or len(set(one.ids)) < len(one.ids):
        return "different samples"
    return ""


def why_not_paired_with(first: Record, second: Record, one: Sampled, two: Sampled) -> str:
    """What keeps two records from being paired beside the names of their samples."""
    imported = first.origin is not None or second.origin is not None
    if first.main_metric != second.main_metric:
        return f"different metrics: {first.main_metric} and {second.main_metric}"
    if not imported and first.signature.task_hash != second.signature.task_hash:
        return "different definitions of the task"
    if not imported and first.signature.data != second.signature.data:
        return "different data"
    if imported and one.prompts != two.prompts:
        # A file of other samples has other prompts: that is then what sets the two apart.
        return "different samples" if set(one.ids) != set(two.ids) else "different prompts"
    return ""


def _unpaired(first: Record, second: Record, note: str) -> Comparison:
    assert first.score is not None
    assert second.score is not None
    difference = None
    errors = (first.stderr, second.stderr)
    sizes = (first.groups or first.n or 0, second.groups or second.n or 0)
    if errors[0] is not None and errors[1] is not None and min(sizes) >= 2:
        delta = second.score - first.score
        difference = unpaired(delta, errors[0], errors[1], *sizes)
    return Comparison(
        task=first.signature.task,
        first=first.score,
        second=second.score,
        difference=difference,
        p=difference.p if difference else None,
        test="t, unpaired" if difference else None,
        metric=metric_of(first),
        note=note,
    )


def right_or_wrong(*both: Sampled) -> bool:
    """Whether all samples are 0 or 1 and count alike."""
    return all(
        one.values is not None
        and bool(np.isin(one.values, (0.0, 1.0)).all())
        and bool((one.weights == one.weights[0]).all())
        for one in both
    )
