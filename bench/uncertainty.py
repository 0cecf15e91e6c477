"""Do the intervals cover, does a check give false alarms, does it find a real drop?

All on real per-sample scores of stored checkpoints, resampled. Run as

    python bench/uncertainty.py --pairs STORE:A:B --pairs STORE:A:B --coverage STORE:NAME …

``--pairs`` names two checkpoints of a store (or ``STORE:A:STORE:B``), whose samples make the
checks; ``--coverage`` a checkpoint whose scores are to be covered. Writes
``reports/bench/uncertainty.{json,md}``.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import REPORTS, machine_line, write_json
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

from evalsuite.check.policy import Policy, Tolerance
from evalsuite.check.verdicts import drop_p, judge
from evalsuite.commands.stored import stored_records
from evalsuite.compare.choose import choose
from evalsuite.compare.pair import Comparison, compare
from evalsuite.data import read_rows
from evalsuite.report.rows import plan_rows
from evalsuite.sampled import Sampled, sampled
from evalsuite.schema import Record
from evalsuite.stats import (
    average_precision_influence,
    interval,
    mean_influence,
    spearman_influence,
    standard_error,
)
from evalsuite.store import Store

DRAWS = 1000
LEVEL = 0.05
DROP = 0.03
POWER_SAMPLES = 1000
MOST = 500
"""Items of a task in a simulated check at most: the tests are drawn a thousand times."""
RNG = np.random.default_rng(20240215)


@dataclass(frozen=True)
class Source:
    """One stored score with its samples."""

    record: Record
    rows: list[dict[str, Any]]
    samples: Sampled

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.record.signature.task

    @property
    def family(self) -> str:
        """What kind of metric it is."""
        metric = self.record.main_metric or ""
        if self.samples.values is None:
            return "Spearman" if "spearman" in metric else "average precision of pairs"
        if self.samples.groups is not None:
            return f"mean, clustered ({self.samples.independent} groups)"
        return {
            "ndcg_at_10": "nDCG@10",
            "map_at_1000": "MAP",
            "v_measure": "V-measure of sets",
            "f1": "F1",
            "cosine_spearman": "mean of correlations",
        }.get(metric, "accuracy")


def sources(folder: Path, name: str) -> dict[str, Source]:
    """The scores of a checkpoint that follow from their samples."""
    store = Store(folder)
    row = choose(plan_rows(stored_records(folder)), name)
    found: dict[str, Source] = {}
    for task, record in row.records.items():
        path = store.samples_path(record) if record.score is not None else None
        if path is not None:
            rows = read_rows(path)
            if samples := sampled(record, rows):
                found[task] = Source(record, rows, samples)
    return found


def coverage(source: Source) -> dict[str, Any]:
    """Share of resamples whose 95 % interval holds the score over all items."""
    groups = source.samples.groups
    names = sorted(set(groups)) if groups else []
    members = [np.flatnonzero(np.array(groups) == name) for name in names] if groups else []
    n = len(source.rows)
    size = min(n, MOST)
    held, widths = 0, []
    for _ in range(DRAWS):
        if members:
            picked = RNG.integers(0, len(members), len(members))
            index = np.concatenate([members[g] for g in picked])
            labels = np.repeat(np.arange(len(picked)), [len(members[g]) for g in picked])
            drawn: list[int] | None = labels.tolist()
        else:
            index, drawn = RNG.integers(0, n, size), None
        estimate = _estimate(source, index)
        if estimate is None:
            continue
        value, influence = estimate
        error = standard_error(influence, drawn)
        if error is None:
            continue
        bounds = interval(value, error, len(members) or size, 1 - LEVEL)
        held += source.record.score in bounds  # type: ignore[operator]
        widths.append(bounds.high - bounds.low)
    return {
        "family": source.family,
        "task": source.task,
        "checkpoint": source.record.checkpoint.name,
        "items": len(members) or size,
        "score": source.record.score,
        "coverage": held / DRAWS,
        "half_width": float(np.median(widths)) / 2,
    }


def _estimate(source: Source, index: np.ndarray) -> tuple[float, np.ndarray] | None:
    """Metric and influences on a resample; ``None`` where it is not defined."""
    if source.samples.values is not None:
        values = (source.samples.weights * source.samples.values)[index]
        return float(values.mean()), mean_influence(values)
    first, second = _columns(source)
    x, y = first[index], second[index]
    if set(np.unique(first)) == {0.0, 1.0}:
        found = average_precision_influence(x, y)
        return None if found is None else (float(average_precision_score(x, y)), found)
    found = spearman_influence(x, y)
    if found is None:
        return None
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1]), found


def _columns(source: Source) -> tuple[np.ndarray, np.ndarray]:
    gold = "label" if "label" in source.rows[0] else "gold"
    return (
        np.array([float(row[gold]) for row in source.rows]),
        np.array([float(row["cosine"]) for row in source.rows]),
    )


def resampled(
    source: Source, other: Source, index: np.ndarray, swap: np.ndarray
) -> tuple[Record, Sampled]:
    """``source`` on resampled items, of which some have the other checkpoint's outcome."""
    there = {name: place for place, name in enumerate(other.samples.ids)}
    match = np.array([there[name] for name in source.samples.ids])
    ids = tuple(map(str, range(len(index))))
    if source.samples.values is not None:
        assert other.samples.values is not None
        mine, theirs = source.samples.values, other.samples.values[match]
        values = np.where(swap, theirs[index], mine[index])
        return _made(source, float(values.mean()), ids, mean_influence(values), values)
    first, mine = _columns(source)
    theirs = _columns(other)[1][match]
    y, x = np.where(swap, theirs[index], mine[index]), first[index]
    if set(np.unique(first)) == {0.0, 1.0}:
        score, found = float(average_precision_score(x, y)), average_precision_influence(x, y)
    else:
        score = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
        found = spearman_influence(x, y)
    assert found is not None
    return _made(source, score, ids, found, None)


def _made(
    source: Source,
    score: float,
    ids: tuple[str, ...],
    influence: np.ndarray,
    values: np.ndarray | None,
) -> tuple[Record, Sampled]:
    error = standard_error(influence)
    record = source.record.model_copy(update={"score": score, "stderr": error, "n": len(ids)})
    samples = Sampled(
        ids=ids, influence=influence, weights=np.ones(len(ids)), values=values, groups=None
    )
    return record, samples


@dataclass(frozen=True)
class Pair:
    """Baseline and candidate of one simulated task."""

    records: tuple[Record, Record]
    samples: tuple[Sampled, Sampled]

    def compared(self, *, paired: bool = True) -> Comparison:
        """The product's comparison, with or without the samples."""
        return compare(*self.records, self.samples if paired else (None, None))


def null_pair(one: Source, two: Source, items: int | None = None, differing: float = 1.0) -> Pair:
    """Two checkpoints of equal strength: each item's two outcomes go to random sides.

    Args:
        one: A stored score.
        two: Another checkpoint's on the same task.
        items: To draw.
        differing: Share of the items that take part; the others have the first outcome twice.
    """
    index = RNG.integers(0, len(one.rows), items or min(len(one.rows), MOST))
    coin = RNG.random(len(index)) < 0.5
    takes_part = RNG.random(len(index)) < differing
    first, a = resampled(one, two, index, coin & takes_part)
    second, b = resampled(one, two, index, ~coin & takes_part)
    return Pair((first, second), (a, b))


def verdicts(found: dict[str, Comparison], tolerance: float) -> list[str]:
    """The verdicts of a check, task by task."""
    policy = Policy(tolerance=Tolerance(default=tolerance), significance=LEVEL)
    lines = judge(found, {}, policy, categories={}, in_baseline=frozenset(found))
    return [line.verdict for line in lines]


def false_alarms(pairs: dict[str, tuple[Source, Source]]) -> dict[str, Any]:
    """Share of checks of equally good checkpoints that call any task a regression."""
    alarms = {0.0: 0, 1.0: 0}
    uncorrected = 0
    for _ in range(DRAWS):
        found = {task: null_pair(*pair).compared() for task, pair in pairs.items()}
        for tolerance in alarms:
            alarms[tolerance] += "regression" in verdicts(found, tolerance)
        uncorrected += any((drop_p(one) or 1) < LEVEL for one in found.values())
    return {
        "tasks": list(pairs),
        "checks": DRAWS,
        "tolerance_0": alarms[0.0] / DRAWS,
        "tolerance_1": alarms[1.0] / DRAWS,
        "without_holm": uncorrected / DRAWS,
        "allowed": LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / DRAWS),
    }


def changes(one: Source, two: Source) -> float:
    """Share of items whose score differs between two checkpoints."""
    assert one.samples.values is not None
    assert two.samples.values is not None
    there = dict(zip(two.samples.ids, two.samples.values, strict=True))
    mine = zip(one.samples.ids, one.samples.values, strict=True)
    return float(np.mean([value != there[name] for name, value in mine]))


def power(
    planted: tuple[Source, Source],
    others: dict[str, tuple[Source, Source]],
    differing: float,
) -> dict[str, Any]:
    """Share of checks that find a drop of 3 points, planted in one task of 1,000 samples.

    Besides the drop, the candidate differs from the baseline as two runs do: a share of the
    items swaps the outcomes of the two given checkpoints at random.
    """
    found = {"paired": 0, "paired_tolerance_1": 0, "unpaired": 0}
    draws = DRAWS // 2
    rest = list(others.items())[:7]
    for _ in range(draws):
        pairs = {"planted": _planted(*planted, differing)}
        pairs |= {task: null_pair(*pair) for task, pair in rest}
        compared = {task: pair.compared() for task, pair in pairs.items()}
        found["paired"] += verdicts(compared, 0.0)[0] == "regression"
        found["paired_tolerance_1"] += verdicts(compared, 1.0)[0] == "regression"
        apart = {task: pair.compared(paired=False) for task, pair in pairs.items()}
        found["unpaired"] += verdicts(apart, 0.0)[0] == "regression"
    return {
        "task": planted[0].task,
        "of": [label(source) for source in planted],
        "score": planted[0].record.score,
        "items_that_change_anyway": differing * changes(*planted),
        "tasks": 1 + len(rest),
        "checks": draws,
        **{name: count / draws for name, count in found.items()},
    }


def _planted(one: Source, two: Source, differing: float) -> Pair:
    """A null pair of 1,000 items whose candidate loses 3 points on average: items lose all."""
    pair = null_pair(one, two, POWER_SAMPLES, differing)
    values = pair.samples[1].values
    assert values is not None
    lost = RNG.random(POWER_SAMPLES) < DROP / float(values.mean())
    values = np.where(lost, 0.0, values)
    ids = pair.samples[1].ids
    second, samples = _made(one, float(values.mean()), ids, mean_influence(values), values)
    return Pair((pair.records[0], second), (pair.samples[0], samples))


def label(source: Source) -> str:
    """Name of a checkpoint, and its precision."""
    return f"{source.record.checkpoint.name} ({source.record.signature.dtype})"


def markdown(result: dict[str, Any]) -> str:
    """The figures as a page."""
    lines = [
        "# Uncertainty, measured",
        "",
        f"{machine_line()}. Real per-sample scores, resampled with replacement.",
        "",
        "## Coverage of 95 % intervals",
        "",
        f"Share of {DRAWS:,} resamples whose interval holds the score over all items.",
        "",
        "| metric | task | checkpoint | items | ± | coverage |",
        "|---|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row['family']} | {row['task']} | {row['checkpoint']} | {row['items']} "
        f"| {100 * row['half_width']:.1f} | {100 * row['coverage']:.1f} % |"
        for row in result["coverage"]
    ]
    lines += ["", "## False alarms", ""]
    for row in result["false_alarms"]:
        share = {
            key: f"{100 * row[key]:.1f} %"
            for key in ("tolerance_0", "tolerance_1", "allowed", "without_holm")
        }
        lines += [
            f"{row['checks']:,} checks of {len(row['tasks'])} tasks, baseline and candidate equally",
            f"good (the samples of {row['of']} on random sides): {share['tolerance_0']} give any",
            f"regression with nothing tolerated, {share['tolerance_1']} with 1 point tolerated",
            f"(allowed: {share['allowed']}); without Holm's correction {share['without_holm']}.",
            "",
        ]
    lines += [
        "## Power",
        "",
        (
            f"A drop of {100 * DROP:g} points in one task of {POWER_SAMPLES:,} samples, in a check of "
            "eight tasks. Without it the two differ as the named pair does."
        ),
        "",
        (
            "| task | pair | score | items that change anyway | found | found, 1 point tolerated "
            "| found, unpaired |"
        ),
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['task']} | {' and '.join(map(str, row['of']))} | {100 * row['score']:.1f} "
        f"| {100 * row['items_that_change_anyway']:.1f} % | {100 * row['paired']:.0f} % "
        f"| {100 * row['paired_tolerance_1']:.0f} % | {100 * row['unpaired']:.0f} % |"
        for row in result["power"]
    ]
    return "\n".join(lines) + "\n"


def _pair(text: str) -> tuple[dict[str, Source], dict[str, Source]]:
    """``STORE:A:B`` or ``STORE:A:STORE:B``."""
    parts = text.split(":")
    folder, first, *rest = parts
    other, second = rest if len(rest) == 2 else (folder, rest[0])
    return sources(Path(folder), first), sources(Path(other), second)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coverage", nargs="+", default=[], metavar="STORE:NAME")
    parser.add_argument("--pairs", nargs="+", default=[], metavar="STORE:A:B")
    parser.add_argument("--planted", nargs="+", default=[], metavar="TASK")
    options = parser.parse_args()
    result: dict[str, Any] = {"coverage": [], "false_alarms": [], "power": []}
    for text in options.coverage:
        folder, _, name = text.rpartition(":")
        result["coverage"] += [coverage(source) for source in sources(Path(folder), name).values()]
    result["coverage"].sort(key=lambda row: (row["family"], row["task"]))
    plantable: list[tuple[Source, Source]] = []
    checks: dict[str, tuple[Source, Source]] = {}
    for text in options.pairs:
        first, second = _pair(text)
        pairs = {task: (first[task], second[task]) for task in first if task in second}
        plantable += [pair for task, pair in pairs.items() if task in options.planted]
        if len(pairs) >= 8:
            checks = pairs
            of = " and ".join(label(source) for source in next(iter(pairs.values())))
            result["false_alarms"].append({"of": of, **false_alarms(pairs)})
    for pair in plantable:
        levels = (0.0, 0.1, 0.25, 1.0) if changes(*pair) > 0.2 else (0.0, 1.0)
        result["power"] += [power(pair, checks, differing) for differing in levels]
    write_json(REPORTS / "uncertainty.json", result)
    (REPORTS / "uncertainty.md").write_text(markdown(result), encoding="utf-8")
    print(markdown(result))


if __name__ == "__main__":
    main()
