"""Are checks that stop early right as often as those that do not, and what do they save?

Simulated right-or-wrong samples, and the real per-sample scores of two stored checkpoints, dealt
to random sides. The decisions are those of :mod:`evalsuite.stopping.decide`. Run as

    python bench/stop_early.py [--pairs STORE:A:STORE:B] [--quick]

Writes ``reports/bench/stop_early.{json,md}``; exits with 1 if a goal is missed. ``--quick``
repeats less, for a look.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import REPORTS, machine_line, write_json
from evalsuite.stats import (
    anytime_p,
    holm,
    largest_drop,
    mcnemar_p,
    sampled_mean_interval,
    sign_flip_p,
)
from evalsuite.stats.errors import group_sums
from evalsuite.stopping.decide import (
    EARLY,
    FINAL,
    LEVEL,
    Answered,
    Look,
    hybrid_p,
    look,
    next_look,
    stopped,
)
from evalsuite.stopping.rules import StopRule

Floats = NDArray[np.float64]
SEED = 20261130
ALPHA = 0.05
STEP = 16
ITEMS = 1000
TASKS = 11
CHECKS, RUNS = 2000, 1000


@dataclass(frozen=True)
class Ended:
    """How one task ended."""

    regression_p: float
    early: Look
    used: float
    """Share of the samples that were answered."""
    covered: bool | None
    """Whether the interval of a stopped task holds the score of all; ``None`` if it ran on."""
    final_pass: bool


def rule(items: int, tests: int, tolerance: float, groups: tuple[str, ...] | None) -> StopRule:
    """A check's rule; the baseline's scores are given to :func:`run_task` apart."""
    return StopRule(
        task_hash="", data=None, metric="acc", sign=1, tolerance=tolerance, significance=ALPHA,
        tests=tests, required=True, samples=(), scores=(), weights=(1.0,) * items, groups=groups,
    )  # fmt: skip


def run_task(
    base: Floats,
    candidate: Floats,
    rng: np.random.Generator,
    *,
    tests: int,
    tolerance: float = 0.0,
    groups: Sequence[str] | None = None,
) -> Ended:
    """Answer one task in random order until it is decided, as a check does."""
    total = base.size
    order = rng.permutation(total)
    named = None if groups is None else tuple(groups[index] for index in order)
    asked = rule(total, tests, tolerance, named)
    weights = np.ones(total)
    done, found = 0, Look(verdict=None, drop_p=1.0)
    while done < total:
        done = next_look(done, total, STEP)
        some = order[:done]
        answered = Answered(
            baseline=base[some], candidate=candidate[some], weights=weights[:done],
            groups=None if named is None else named[:done], total=total,
        )  # fmt: skip
        found = look(answered, asked)
        if found.verdict and done < total:
            ended = stopped(answered, asked, found)
            inside = ended.low <= candidate.mean() <= ended.high
            return Ended(hybrid_p(found.drop_p, 1.0), found, done / total, inside, False)
    gains = candidate - base
    p = hybrid_p(found.drop_p, final_p(gains, groups))
    won, lost = int((gains > 0).sum()), int((gains < 0).sum())
    worst = largest_drop(won, lost, total, ALPHA / FINAL)
    return Ended(p, found, 1.0, None, worst <= tolerance)


def final_p(gains: Floats, groups: Sequence[str] | None) -> float:
    """One-sided p-value of "no drop" of the test at the end: today's."""
    won, lost = int((gains > 0).sum()), int((gains < 0).sum())
    binary = bool(np.isin(gains, (-1.0, 0.0, 1.0)).all()) and groups is None
    p = mcnemar_p(won, lost) if binary else sign_flip_p(group_sums(gains, groups), draws=1000)
    return p / 2 if gains.sum() < 0 else 1 - p / 2


def binary_pair(
    rng: np.random.Generator, drop: float, changed: float, items: int = ITEMS
) -> tuple[Floats, Floats]:
    """Right-or-wrong scores of two checkpoints whose true scores differ by ``drop``."""
    u = rng.random(items)
    lost = u < (changed + drop) / 2
    won = (u >= (changed + drop) / 2) & (u < changed)
    base = np.where(lost, 1.0, np.where(won, 0.0, (rng.random(items) < 0.6).astype(float)))
    return base, base - lost + won


def adversarial_pair(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Equal scores over the whole set, whose first half falls and whose second rises."""
    base = np.repeat([1.0, 0.0], ITEMS // 2)
    candidate = base.copy()
    moved = ITEMS // 20
    candidate[:moved], candidate[-moved:] = 0.0, 1.0
    del rng
    return base, candidate


def clustered_pair(rng: np.random.Generator) -> tuple[Floats, Floats, list[str]]:
    """Equal checkpoints that differ by group: whole groups of ten fall or rise together."""
    groups = [str(index // 10) for index in range(ITEMS)]
    tilt = np.repeat(rng.choice([-1.0, 1.0], ITEMS // 10), 10)
    changed = rng.random(ITEMS) < 0.2
    base = np.where(changed, (tilt < 0).astype(float), 1.0)
    return base, np.where(changed, (tilt > 0).astype(float), 1.0), groups


@dataclass(frozen=True)
class Many:
    """How many repetitions of a task of right-or-wrong samples ended, shape ``(r,)`` each."""

    p: Floats
    passed: NDArray[np.bool_]
    answered: NDArray[np.intp]


def run_many(gains: Floats, *, tests: int, tolerance: float) -> Many:
    """As :func:`run_task` without groups, of many repetitions at once.

    The capital after ``n`` values does not depend on later ones: all looks are in one path.
    """
    total = gains.shape[1]
    looks = [next_look(0, total, STEP)]
    while looks[-1] < total:
        looks.append(next_look(looks[-1], total, STEP))
    at = np.array(looks) - 1
    level = ALPHA / EARLY
    values = (gains + 1) / 2
    drop = anytime_p(values, 0.5, "below", horizon=total, level=level / tests)[:, at]
    least = (1 - tolerance) / 2
    held = anytime_p(values, least, "above", horizon=total, level=level)[:, at] <= level
    means = (np.cumsum(gains, axis=1) / np.arange(1, total + 1))[:, at]
    red = (drop <= level / tests) & (means < -tolerance)
    decided = (red | held)[:, :-1]
    ran_on = ~decided.any(axis=1)
    first = np.where(ran_on, at.size - 1, decided.argmax(axis=1))
    rows = np.arange(len(gains))
    early = drop[rows, first]
    won, lost = (gains > 0).sum(axis=1), (gains < 0).sum(axis=1)
    final = [final_p(row, None) if on else 1.0 for row, on in zip(gains, ran_on, strict=True)]
    p = np.array([hybrid_p(*both) for both in zip(early, final, strict=True)])
    within = [
        on and largest_drop(int(w), int(x), total, ALPHA / FINAL) <= tolerance
        for w, x, on in zip(won, lost, ran_on, strict=True)
    ]
    passed = np.where(ran_on, within, held[rows, first] & ~red[rows, first])
    return Many(p, passed, np.where(ran_on, total, at[first] + 1))


def false_alarms(name: str, make: Callable[..., Any], checks: int) -> dict[str, Any]:
    """Share of checks of equal checkpoints in which any of eleven tasks is a regression."""
    rng = np.random.default_rng(SEED)
    alarms = plain = 0
    for _ in range(checks):
        pairs = [make(rng) for _ in range(TASKS)]
        if len(pairs[0]) == 2:
            gains = np.array([rng.permutation(two - one) for one, two in pairs])
            p = list(run_many(gains, tests=TASKS, tolerance=0.0).p)
        else:
            p = [
                run_task(one, two, rng, tests=TASKS, groups=groups).regression_p
                for one, two, groups in pairs
            ]
        fixed = [final_p(two - one, groups[0] if groups else None) for one, two, *groups in pairs]
        alarms += int(min(holm(p)) < ALPHA)
        plain += int(min(holm(fixed)) < ALPHA)
    share, error = alarms / checks, (ALPHA * (1 - ALPHA) / checks) ** 0.5
    allowed = ALPHA + 2 * error
    return {"of": name, "checks": checks, "share": share, "allowed": allowed,
            "unstopped": plain / checks, "met": bool(share <= allowed)}  # fmt: skip


def saved(drop: float, changed: float, tests: int, goal: float | None, runs: int) -> dict[str, Any]:
    """Samples used, and how often the right answer comes out."""
    rng = np.random.default_rng(SEED)
    tolerance = 0.03 if drop == 0 else 0.0
    pairs = [binary_pair(rng, drop, changed) for _ in range(runs)]
    gains = np.array([two - one for one, two in pairs])
    many = run_many(gains, tests=tests, tolerance=tolerance)
    held = [
        _holds(two, int(n)) for (_, two), n in zip(pairs, many.answered, strict=True) if n < ITEMS
    ]
    if drop:
        right = many.p * tests < ALPHA
        fixed = [final_p(row, None) * tests < ALPHA for row in gains]
    else:
        right = many.passed
        changes = [((row > 0).sum(), (row < 0).sum()) for row in gains]
        fixed = [largest_drop(int(w), int(x), ITEMS, ALPHA) <= tolerance for w, x in changes]
    used = float(many.answered.mean() / ITEMS)
    return {
        "drop": drop, "changed": changed, "tests": tests, "used": used, "goal": goal,
        "right": float(np.mean(right)), "fixed": float(np.mean(fixed)),
        "stopped": len(held) / runs, "covered": float(np.mean(held)) if held else None,
        "met": goal is None or used <= goal,
    }  # fmt: skip


def _holds(candidate: Floats, answered: int) -> bool:
    """Whether the interval from the answered samples holds the score of all."""
    return float(candidate.mean()) in sampled_mean_interval(candidate[:answered], ITEMS, LEVEL)


def real(text: str, checks: int) -> dict[str, Any]:
    """False alarms on real samples: each item's two outcomes go to random sides."""
    from uncertainty_sources import sources

    folder, first, other, second = text.split(":")
    one, two = sources(Path(folder), first), sources(Path(other), second)
    pairs = []
    for task in (task for task in one if task in two):
        mine, other_one = one[task].samples, two[task].samples
        if mine.values is None or other_one.values is None or set(mine.ids) != set(other_one.ids):
            continue
        place = {name: index for index, name in enumerate(other_one.ids)}
        theirs = other_one.values[[place[name] for name in mine.ids]]
        pairs.append((task, mine.values, theirs, mine.groups))
    rng = np.random.default_rng(SEED)
    alarms, used, covered = 0, [], []
    for _ in range(checks):
        p = []
        for _, a, b, groups in pairs:
            units = list(groups) if groups else [str(index) for index in range(a.size)]
            names = sorted(set(units))
            swap = dict(zip(names, rng.random(len(names)) < 0.5, strict=True))
            turned = np.array([swap[unit] for unit in units])
            base, candidate = np.where(turned, b, a), np.where(turned, a, b)
            end = run_task(base, candidate, rng, tests=len(pairs), groups=groups, tolerance=0.03)
            p.append(end.regression_p)
            used.append(end.used)
            covered += [] if end.covered is None else [end.covered]
        alarms += int(min(holm(p)) < ALPHA)
    share, allowed = alarms / checks, ALPHA + 2 * (ALPHA * (1 - ALPHA) / checks) ** 0.5
    return {"of": f"real samples, {first} and {second}, {len(pairs)} tasks", "checks": checks,
            "share": share, "allowed": allowed, "met": bool(share <= allowed),
            "used": float(np.mean(used)),
            "covered": float(np.mean(covered)) if covered else None}  # fmt: skip


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", nargs="*", default=[], metavar="STORE:A:STORE:B")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    checks, runs = (100, 100) if options.quick else (CHECKS, RUNS)
    alike: Callable[..., Any] = lambda rng: binary_pair(rng, 0.0, 0.1)  # noqa: E731
    result: dict[str, Any] = {
        "seed": SEED,
        "runs": runs,
        "alarms": [
            false_alarms("10 % changed by chance", alike, checks),
            false_alarms("sorted against the test", adversarial_pair, checks),
            false_alarms("groups of ten change together", clustered_pair, checks // 10),
            *(real(text, checks // 4) for text in options.pairs),
        ],
        "saved": [
            saved(0.2, 0.3, 1, 0.10, runs),
            saved(0.06, 0.1, 1, 0.35, runs),
            saved(0.0, 0.05, 1, 0.65, runs),
            saved(0.2, 0.3, TASKS, None, runs),
            saved(0.06, 0.1, TASKS, None, runs),
            saved(0.5, 0.6, TASKS, None, runs),
            saved(0.03, 0.1, 1, None, runs),
        ],
    }
    power = result["saved"][-1]
    power["met"] = bool(power["right"] >= 0.95 * power["fixed"])
    for row in result["saved"]:
        row["met"] = bool(row["met"]) and bool(
            row["covered"] is None or row["covered"] >= 0.95 - 2 * (0.95 * 0.05 / runs) ** 0.5
        )
    text = markdown(result)
    print(text)
    if not options.quick:
        write_json(REPORTS / "stop_early.json", result)
        (REPORTS / "stop_early.md").write_text(text, encoding="utf-8")
    return 0 if all(row["met"] for row in (*result["alarms"], *result["saved"])) else 1


def markdown(result: dict[str, Any]) -> str:
    """The figures as a page."""
    lines = [
        "# Stopping early, measured", "",
        f"{machine_line()}. Seed {result['seed']}; looks after at least {STEP} and 10 % more",
        "samples. Tasks of 1,000 right-or-wrong samples where nothing else is said;",
        f"{result['runs']:,} repetitions where no number is given.", "",
        "## False alarms", "",
        f"Checks of {TASKS} tasks between equally good checkpoints; share in which any task is a",
        "regression, with nothing tolerated. Real samples: 3 points tolerated.", "",
        "| samples | checks | false alarms | allowed | without early looks | used | held | |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]  # fmt: skip
    lines += [
        f"| {row['of']} | {row['checks']:,} | {percent(row['share'])} | {percent(row['allowed'])} "
        f"| {percent(row['unstopped']) if 'unstopped' in row else ''} "
        f"| {percent(row['used']) if 'used' in row else ''} "
        f"| {percent(row['covered']) if row.get('covered') is not None else ''} "
        f"| {'met' if row['met'] else 'MISSED'} |"
        for row in result["alarms"]
    ]
    lines += [
        "",
        "## Samples used, right verdicts, intervals", "",
        "*Right*: regression for a drop, pass (3 points tolerated) for none; *fixed*: the same",
        "without early looks. *Held*: intervals of stopped tasks that hold the score of all",
        "samples. In a check of eleven tasks, only the one counts.", "",
        "| drop | changed | tasks | used | goal | stopped | right | fixed | held | |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]  # fmt: skip
    lines += [
        f"| {100 * row['drop']:g} | {percent(row['changed'])} | {row['tests']} "
        f"| {percent(row['used'])} | {percent(row['goal']) if row['goal'] else ''} "
        f"| {percent(row['stopped'])} | {percent(row['right'])} | {percent(row['fixed'])} "
        f"| {percent(row['covered']) if row['covered'] is not None else ''} "
        f"| {'met' if row['met'] else 'MISSED'} |"
        for row in result["saved"]
    ]
    return "\n".join(lines) + "\n"


def percent(share: float) -> str:
    """A share with one decimal."""
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
