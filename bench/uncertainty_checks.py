"""Does a check give false alarms, and does it find a real drop? Simulated on real samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.results.check.policy import Policy, Tolerance
from evalsuite.results.check.verdicts import drop_p, verdicts_of
from evalsuite.results.compare.pair import Comparison, compare
from evalsuite.results.sampled import Sampled
from evalsuite.schema import Record
from evalsuite.stats import mean_influence, standard_error
from uncertainty_sources import Floats, Source, correct, populations

LEVEL = 0.05
DROP = 0.03
SAMPLES = 1000
MOST = 500
"""Items of a task in a simulated check at most: permutation tests are drawn for each."""
LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Shares of the samples that change both ways between two runs, without any drop."""

Pairs = Mapping[str, tuple[Source, Source]]
Values = tuple[Floats, ...]
Check = dict[str, Comparison]


@dataclass(frozen=True)
class Null:
    """One task's two real outcomes of each item, to be dealt to two sides at random."""

    like: Record
    items: int
    metric: Any
    """From the columns that differ and the items to value and influences."""
    outcomes: tuple[Floats, Floats]

    def pair(self, rng: np.random.Generator) -> Comparison:
        """The product's comparison of two sides of equal strength."""
        index = rng.integers(0, self.items, min(self.items, MOST))
        one, two = (outcome[index] for outcome in self.outcomes)
        coin = rng.random(len(index)) < 0.5
        sides = (np.where(coin, one, two), np.where(coin, two, one))
        made = [self._made(side, index) for side in sides]
        (first, a), (second, b) = made
        return compare(first, second, (a, b))

    def _made(self, outcome: Floats, index: np.ndarray) -> tuple[Record, Sampled]:
        value, influence, values = self.metric(outcome, index)
        return side(self.like, value, influence, values)


def side(
    like: Record, value: float, influence: Floats, values: Floats | None
) -> tuple[Record, Sampled]:
    """A record and its samples."""
    n = len(influence)
    record = like.model_copy(
        update={"score": value, "stderr": standard_error(influence), "n": n, "groups": None}
    )
    samples = Sampled(
        ids=tuple(map(str, range(n))),
        influence=influence,
        weights=np.ones(n),
        values=values,
        groups=None,
    )
    return record, samples


def null_of(one: Source, two: Source) -> Null:
    """Make a null task of two checkpoints' samples of the same items."""
    there = {name: place for place, name in enumerate(two.samples.ids)}
    match = np.array([there[name] for name in one.samples.ids])
    if one.samples.values is not None:
        assert two.samples.values is not None
        outcomes = (one.samples.values, two.samples.values[match])

        def mean(outcome: Floats, _: np.ndarray) -> tuple[float, Floats, Floats | None]:
            return float(outcome.mean()), mean_influence(outcome), outcome

        return Null(one.record, len(match), mean, outcomes)
    first, second = (next(iter(populations(source))) for source in (one, two))
    gold = first.columns[0]

    def ranked(outcome: Floats, index: np.ndarray) -> tuple[float, Floats, Floats | None]:
        influence = first.influence(gold[index], outcome)
        assert influence is not None
        return first.value(gold[index], outcome), influence, None

    return Null(one.record, len(match), ranked, (first.columns[1], second.columns[1][match]))


def null_checks(pairs: Pairs, count: int, seed: int) -> list[Check]:
    """Checks of two checkpoints that are equally good on every task.

    Each task's items are drawn with replacement; each item's two real outcomes, of the two
    checkpoints, go to random sides. So the two sides differ on as many items as two real
    checkpoints, but neither is better.
    """
    rng = np.random.default_rng(seed)
    nulls = {task: null_of(*pair) for task, pair in pairs.items()}
    return [{task: null.pair(rng) for task, null in nulls.items()} for _ in range(count)]


def verdicts(check: Check, tolerance: float) -> dict[str, str]:
    """The product's verdict on each task."""
    policy = Policy(tolerance=Tolerance(default=tolerance), significance=LEVEL)
    lines = verdicts_of(check, {}, policy, categories={}, in_baseline=frozenset(check))
    return {line.task: line.verdict for line in lines}


def false_alarms(of: str, checks: list[Check]) -> dict[str, Any]:
    """Share of checks of equally good checkpoints that call any task a regression."""
    alarms = {
        tolerance: float(np.mean(["regression" in verdicts(c, tolerance).values() for c in checks]))
        for tolerance in (0.0, 1.0)
    }
    allowed = LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / len(checks))
    return {
        "of": of,
        "tasks": list(checks[0]),
        "checks": len(checks),
        "tolerance_0": alarms[0.0],
        "tolerance_1": alarms[1.0],
        "without_holm": float(
            np.mean([any((drop_p(one) or 1.0) < LEVEL for one in c.values()) for c in checks])
        ),
        "allowed": allowed,
        "met": alarms[0.0] <= allowed,
    }


def power(
    source: Source, changing: float, others: list[Check], seed: int, *, single: bool
) -> dict[str, Any]:
    """Share of checks that find a drop of 3 points in one task of 1,000 samples.

    Args:
        source: Real scores, drawn with replacement.
        changing: Share of samples that change both ways besides the drop.
        others: Checks of equal sides; seven of their tasks join the one with the drop.
        seed: Of the draws.
        single: Take the first of mteb's experiments alone, which is right or wrong, and not the
            mean over all.
    """
    rng = np.random.default_rng(seed)
    real = correct(source)[:, 0] if single else source.samples.values
    assert real is not None
    found = dict.fromkeys(("paired", "tolerance_1", "alone", "unpaired", "unpaired_alone"), 0)
    changed = []
    for other in others:
        base = real[rng.integers(0, len(real), SAMPLES)]
        rerun = again(base, real, changing, rng)
        changed.append(float(np.mean(rerun != base)))
        dropped = planted(rerun, float(real.mean()), rng)
        made = [side(source.record, float(x.mean()), mean_influence(x), x) for x in (base, dropped)]
        (first, a), (second, b) = made
        rest = dict(list(other.items())[:7])
        paired = {"planted": compare(first, second, (a, b)), **rest}
        unpaired = {"planted": compare(first, second, (None, None)), **rest}
        found["paired"] += verdicts(paired, 0.0)["planted"] == "regression"
        found["tolerance_1"] += verdicts(paired, 1.0)["planted"] == "regression"
        found["unpaired"] += verdicts(unpaired, 0.0)["planted"] == "regression"
        for name, check in (("alone", paired), ("unpaired_alone", unpaired)):
            one = {"planted": check["planted"]}
            found[name] += verdicts(one, 0.0)["planted"] == "regression"
    return {
        "task": source.task + (", one experiment" if single else ""),
        "checkpoint": source.checkpoint,
        "right_or_wrong": bool(np.isin(real, (0.0, 1.0)).all()),
        "score": float(real.mean()),
        "changing": changing,
        "changed": float(np.mean(changed)),
        "checks": len(others),
        **{name: count / len(others) for name, count in found.items()},
    }


def again(base: Floats, real: Floats, changing: float, rng: np.random.Generator) -> Floats:
    """Another run of the same strength: a share of the samples changes, up or down by chance.

    Right-or-wrong samples flip, at rates that expect as many up as down. Others get the score of
    another sample.
    """
    if not np.isin(real, (0.0, 1.0)).all():
        return np.where(rng.random(len(base)) < changing, rng.choice(real, len(base)), base)
    share = float(real.mean())
    rates = np.where(base == 1, changing / 2 / share, changing / 2 / (1 - share))
    return np.where(rng.random(len(base)) < rates, 1.0 - base, base)


def planted(values: Floats, mean: float, rng: np.random.Generator) -> Floats:
    """Samples lose all of their score by chance, so that 3 points are lost on average."""
    return np.where(rng.random(len(values)) < DROP / mean, 0.0, values)
