"""Do the intervals cover, does a check give false alarms, does it find a real drop?

All on real per-sample scores of stored checkpoints, drawn with replacement; nothing is evaluated.
Run as

    python bench/uncertainty.py --coverage STORE:NAME … --pairs STORE:A:B … --planted TASK …

``--coverage`` names checkpoints whose scores are to be covered; ``--pairs`` two checkpoints
(``STORE:A:B`` or ``STORE:A:STORE:B``) that share at least eight tasks, whose samples make the
checks; ``--planted`` the tasks of ``--coverage`` that get a drop; ``--reruns`` two
evaluations of one checkpoint, to count the samples that change. Writes
``reports/bench/uncertainty.{json,md,svg}``; exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common import REPORTS, machine_line, write_json
from uncertainty_checks import (
    DROP,
    LEVELS,
    SAMPLES,
    Check,
    Pairs,
    false_alarms,
    null_checks,
    power,
)
from uncertainty_coverage import GOAL, by_family, coverage
from uncertainty_figure import draw
from uncertainty_sources import Source, correct, populations, sources

DRAWS = 1000
SEED = 20240215
FEWEST = 8
"""Tasks of a check."""
FOUND = 0.8


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--coverage", nargs="+", required=True, metavar="STORE:NAME")
    parser.add_argument("--pairs", nargs="+", required=True, metavar="STORE:A:B")
    parser.add_argument("--planted", nargs="+", required=True, metavar="TASK")
    parser.add_argument("--reruns", nargs="*", default=[], metavar="STORE:A:STORE:B")
    options = parser.parse_args()
    read = [source for text in options.coverage for source in _named(text)]
    lines = [
        line
        for source in read
        for population in populations(source)
        for line in coverage(population, source.record, DRAWS, SEED)
    ]
    lines.sort(key=lambda line: (line["family"], line["task"], line["checkpoint"]))
    checked = [_checks(text) for text in options.pairs]
    planted = [source for source in read if source.task in options.planted]
    result: dict[str, Any] = {
        "seed": SEED,
        "records": [_about(source) for source in read],
        "families": by_family(lines),
        "coverage": lines,
        "false_alarms": [false_alarms(of, checks) for of, checks in checked],
        "reruns": [row for text in options.reruns for row in _changes(*_pairs(text))],
        "power": [
            power(source, level, checked[0][1], SEED, single=single)
            for source in planted
            for single in _ways(source)
            for level in LEVELS
        ],
    }
    text = markdown(result)
    print(text)
    write_json(REPORTS / "uncertainty.json", result)
    (REPORTS / "uncertainty.md").write_text(text, encoding="utf-8")
    draw(result, REPORTS / "uncertainty.svg")
    goals = [row["met"] for row in (*result["families"], *result["false_alarms"])]
    return 0 if all(goals) else 1


def _named(text: str) -> list[Source]:
    folder, _, name = text.rpartition(":")
    return list(sources(Path(folder), name).values())


def _pairs(text: str) -> tuple[str, Pairs]:
    """Names of two checkpoints, and the scores of the tasks that both have."""
    folder, first, *rest = text.split(":")
    other, second = rest if len(rest) == 2 else (folder, rest[0])
    one, two = sources(Path(folder), first), sources(Path(other), second)
    pairs = {task: (one[task], two[task]) for task in one if task in two}
    return f"{first} and {second}", pairs


def _checks(text: str) -> tuple[str, list[Check]]:
    """A thousand checks of two checkpoints' samples, dealt to two equal sides."""
    of, pairs = _pairs(text)
    if len(pairs) < FEWEST:
        raise SystemExit(f"{text}: {len(pairs)} tasks in common, {FEWEST} are needed")
    return of, null_checks(pairs, DRAWS, SEED)


def _changes(_: str, pairs: Pairs) -> Iterator[dict[str, Any]]:
    """Shares of the samples that one score has and the other has not."""
    for task, (one, two) in pairs.items():
        same = one.record.signature.task_hash == two.record.signature.task_hash
        if not same or one.samples.values is None or two.samples.values is None:
            continue
        there = dict(zip(two.samples.ids, two.samples.values, strict=True))
        mine = zip(one.samples.ids, one.samples.values, strict=True)
        row = {
            "task": task,
            "of": f"{one.checkpoint} and {two.checkpoint}",
            "changed": float(np.mean([value != there[name] for name, value in mine])),
            "delta": 100 * (float(two.samples.values.mean()) - float(one.samples.values.mean())),
        }
        if "predictions" in one.rows[0]:
            first = dict(zip(two.samples.ids, correct(two)[:, 0], strict=True))
            right = zip(one.samples.ids, correct(one)[:, 0], strict=True)
            row["one_experiment"] = float(np.mean([value != first[name] for name, value in right]))
        yield row


def _ways(source: Source) -> tuple[bool, ...]:
    """Scores as they are and, of classification, one experiment alone."""
    return (True, False) if "predictions" in source.rows[0] else (False,)


def _about(source: Source) -> dict[str, Any]:
    record = source.record
    return {
        "task": source.task,
        "checkpoint": source.checkpoint,
        "fingerprint": record.checkpoint.fingerprint,
        "metric": record.main_metric,
        "score": record.score,
        "n": record.n,
        "groups": source.samples.independent if source.samples.groups else None,
        "data": record.signature.data,
    }


def markdown(result: dict[str, Any]) -> str:
    """The figures as a page."""
    parts = (_coverage(result), _false_alarms(result), _power(result), _records(result))
    head = [
        "# Uncertainty, measured",
        "",
        f"{machine_line()}. Real per-sample scores, drawn with replacement; seed {result['seed']}.",
    ]
    return "\n".join(line for part in (head, *parts) for line in ("", *part)).lstrip() + "\n"


def _coverage(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Coverage of 95 % intervals",
        "",
        f"Share of {DRAWS:,} resamples whose interval holds the score over all items, mean over",
        f"populations; goal {100 * GOAL[0]:g} to {100 * GOAL[1]:g} %. *Plain t*: score ± t ·",
        "standard error, beside it.",
        "",
        "| metric | populations | coverage | lowest | highest | outside the goal | plain t | |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {row['family']} | {row['populations']} | {percent(row['coverage'])} "
        f"| {percent(row['lowest'])} | {percent(row['highest'])} | {row['outside']} "
        f"| {percent(row['plain_t'])} | {_met(row['met'])} |"
        for row in result["families"]
    ]
    outside = [x for x in result["coverage"] if not GOAL[0] <= x["coverage"] <= GOAL[1]]
    lines += [
        "",
        "One population's share has a Monte Carlo error of 0.7. Those outside the goal:",
        "",
        "| metric | task | checkpoint | items | score | coverage | interval too high | plain t |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {row['family']} | {row['task']} | {row['checkpoint']} | {row['units']} "
        f"| {100 * row['score']:.1f} | {percent(row['coverage'])} | {percent(row['too_high'])} "
        f"| {percent(row['plain_t'])} |"
        for row in outside
    ]


def _false_alarms(result: dict[str, Any]) -> list[str]:
    lines = [
        "## False alarms",
        "",
        "Checks of baseline and candidate that are equally good: each item's two outcomes, of two",
        "real checkpoints, go to random sides. Share that gives any task the verdict *regression*.",
        "",
        "| outcomes of | tasks | checks | 0 tolerated | 1 tolerated | allowed | without Holm | |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    return lines + [
        f"| {row['of']} | {len(row['tasks'])} | {row['checks']:,} | {percent(row['tolerance_0'])} "
        f"| {percent(row['tolerance_1'])} | {percent(row['allowed'])} "
        f"| {percent(row['without_holm'])} | {_met(row['met'])} |"
        for row in result["false_alarms"]
    ]


def _power(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Power",
        "",
        f"Share of checks that find a drop of {100 * DROP:g} points in one task of {SAMPLES:,}",
        "samples, beside seven tasks without one, and in a check of that task alone. *Changed*:",
        "samples that differ between two runs before the drop is planted, up or down by chance;",
        "the drop comes on top, by chance too. *Unpaired*: the same data, without pairing.",
        "*Both*: unpaired and alone. Goal: 80 % of the checks of eight tasks.",
        "",
        "| task | checkpoint | score | changed | found | 1 tolerated | alone | unpaired | both | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {row['task']} | {row['checkpoint']} | {100 * row['score']:.1f} "
        f"| {percent(row['changed'])} | {percent(row['paired'])} | {percent(row['tolerance_1'])} "
        f"| {percent(row['alone'])} | {percent(row['unpaired'])} "
        f"| {percent(row['unpaired_alone'])} | {_met(row['paired'] >= FOUND)} |"
        for row in result["power"]
    ]
    if not result["reruns"]:
        return lines
    lines += [
        "",
        "How many samples change between two real evaluations of one checkpoint:",
        "",
        "| task | evaluations | Δ | changed | changed, one experiment |",
        "|---|---|---:|---:|---:|",
    ]
    return lines + [
        f"| {row['task']} | {row['of']} | {row['delta']:+.2f} | {percent(row['changed'])} "
        f"| {percent(row['one_experiment']) if 'one_experiment' in row else ''} |"
        for row in result["reruns"]
    ]


def _records(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Records",
        "",
        "| task | checkpoint | metric | score | items | groups |",
        "|---|---|---|---:|---:|---:|",
    ]
    return lines + [
        f"| {row['task']} | {row['checkpoint']} | {row['metric']} | {100 * row['score']:.1f} "
        f"| {row['n']} | {row['groups'] or ''} |"
        for row in result["records"]
    ]


def percent(share: float) -> str:
    """A share with one decimal."""
    return f"{100 * share:.1f} %"


def _met(met: bool | np.bool_) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
