"""Do rank intervals hold the true ranks? Simulated tables of 20 checkpoints.

    python bench/ranks.py [--quick]

Each table goes through ``evalsuite table --ties``: records with samples (or with standard errors
alone) become a table, its cells get their ranks, and a table counts as right if every interval of
a column holds all ranks that the true scores allow. Writes ``reports/bench/ranks.{json,md}``;
exits with 1 if fewer than 95 % of the tables of a scenario are right.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import REPORTS, machine_line, write_json
from evalsuite.results.ranks import with_ranks
from evalsuite.results.sampled import Sampled
from evalsuite.results.tables.build import build_table
from evalsuite.schema import CheckpointRef, Record, Signature, digest
from evalsuite.stats import mean_influence, mean_se

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], Floats]
"""Scores of the samples, shape ``(checkpoints, items)``."""
CHECKPOINTS = 20
ITEMS = 400
GOAL = 0.95
SEED = 20261201


@dataclass(frozen=True)
class Scenario:
    """Where the tables come from."""

    name: str
    truth: Floats
    """True scores, shape ``(checkpoints,)``."""
    draw: Draw
    paired: bool = True
    """Whether samples are kept."""


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small try, not for quoting")
    options = parser.parse_args()
    tables = 60 if options.quick else 300
    result = {
        "seed": SEED,
        "quick": options.quick,
        "scenarios": [_run(s, tables) for s in simulated()],
    }
    text = markdown(result)
    print(text)
    write_json(REPORTS / "ranks.json", result)
    (REPORTS / "ranks.md").write_text(text, encoding="utf-8")
    return 0 if all(row["met"] for row in result["scenarios"]) else 1


def simulated() -> Iterator[Scenario]:
    """Made-up checkpoints: equal ones, groups of equal ones, close ones, far ones."""
    rng = np.random.default_rng(SEED)
    truths = {
        "all equal": np.full(CHECKPOINTS, 0.6),
        "four groups of equal ones": np.repeat([0.5, 0.55, 0.6, 0.7], CHECKPOINTS // 4),
        "close": np.sort(rng.normal(0.6, 0.02, CHECKPOINTS)),
        "far": np.linspace(0.2, 0.9, CHECKPOINTS),
    }
    for name, truth in truths.items():
        yield Scenario(f"{name}; right or wrong, paired", truth, _binary(truth))
        yield Scenario(f"{name}; graded, paired", truth, _graded(truth))
        yield Scenario(f"{name}; standard errors alone", truth, _binary(truth, 0.0), paired=False)


def _binary(truth: Floats, shared: float = 0.9) -> Draw:
    """Right or wrong; the hard items are hard for all, as far as ``shared`` goes.

    Each item has a uniform number for all checkpoints, which a checkpoint keeps with a chance of
    ``shared`` and draws anew otherwise: its share of right answers is its true score.
    """

    def draw(rng: np.random.Generator) -> Floats:
        hard = np.broadcast_to(rng.random(ITEMS), (truth.size, ITEMS))
        own = rng.random((truth.size, ITEMS))
        level = np.where(rng.random((truth.size, ITEMS)) < shared, hard, own)
        return (level < truth[:, None]).astype(np.float64)

    return draw


def _graded(truth: Floats) -> Draw:
    """Skewed shares between 0 and 1 (beta distributions), with items that are hard for all."""

    def draw(rng: np.random.Generator) -> Floats:
        hard = rng.uniform(-0.1, 0.1, ITEMS)
        mean = truth[:, None] + hard
        return rng.beta(mean, 1 - mean)

    return draw


def _run(scenario: Scenario, tables: int) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, len(scenario.name)])
    right, widths, seconds = 0, [], 0.0
    truth = scenario.truth
    best = [1 + int((truth > one + 1e-12).sum()) for one in truth]
    worst = [int((truth >= one - 1e-12).sum()) for one in truth]
    for _ in range(tables):
        values = scenario.draw(rng)
        records = [_record(at, row) for at, row in enumerate(values)]
        samples = {r.checkpoint.name: v for r, v in zip(records, values, strict=True)}
        table = build_table(records)
        start = time.perf_counter()
        ranked = with_ranks(table, _loader(samples) if scenario.paired else lambda _: None)
        seconds += time.perf_counter() - start
        ranks = {row.name: row.cells[0].rank for row in ranked.rows}
        intervals = [(rank.low, rank.high) for r in records if (rank := ranks[r.checkpoint.name])]
        right += all(
            low <= b and w <= high for (low, high), b, w in zip(intervals, best, worst, strict=True)
        )
        widths += [high - low + 1 for low, high in intervals]
    return {
        "scenario": scenario.name,
        "tables": tables,
        "right": right / tables,
        "ranks_in_interval": float(np.mean(widths)),
        "milliseconds": 1000 * seconds / tables,
        "met": right / tables >= GOAL,
    }


def _loader(values: dict[str, Floats]) -> Callable[[Record], Sampled | None]:
    ids = tuple(map(str, range(len(next(iter(values.values()))))))

    def load(record: Record) -> Sampled:
        mine = values[record.checkpoint.name]
        return Sampled(
            ids=ids, influence=mean_influence(mine), weights=np.ones(mine.size), values=mine,
            groups=None,
        )  # fmt: skip

    return load


def _record(number: int, values: Floats) -> Record:
    name = f"checkpoint-{number}"
    return Record(
        status="scored",
        checkpoint=CheckpointRef(name=name, fingerprint=digest(name), source=name, kind="grit"),
        task={"name": "t"},
        signature=Signature(
            task="t", task_hash="0" * 64, world="generative", harness="h 1", engine="e 1",
            device="cpu", dtype="float32", data="0" * 64,
        ),
        main_metric="accuracy",
        score=float(values.mean()),
        stderr=mean_se(values),
        n=values.size,
        metrics={"accuracy": float(values.mean())},
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def markdown(result: dict[str, Any]) -> str:
    """The figures as a page."""
    tables = result["scenarios"][0]["tables"]
    lines = [
        "# Rank intervals, measured",
        "",
        (
            f"{machine_line()}. Tables of {CHECKPOINTS} checkpoints, {tables:,} for each scenario;"
            f" seed {result['seed']}. Simulated tasks have {ITEMS} items."
        ),
        "",
        (
            "*Right*: tables in which every interval holds all ranks that the true scores allow;"
            f" goal at least {100 * GOAL:g} %. *Ranks*: mean width of an interval."
        ),
        "",
        "| scenario | right | ranks | ms a table | |",
        "|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| {row['scenario']} | {100 * row['right']:.1f} % | {row['ranks_in_interval']:.1f} "
        f"| {row['milliseconds']:.1f} | {'met' if row['met'] else 'MISSED'} |"
        for row in result["scenarios"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
