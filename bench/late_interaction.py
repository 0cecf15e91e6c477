"""Late interaction on SciFact: time and memory of mteb's own wrapper and of evalsuite, in turn.

The model is all-MiniLM-L6-v2 as sentence-transformers makes a late-interaction model of it: a
projection to 128 dimensions with random weights, drawn with a seed. Its scores mean nothing; time
and memory are those of any model of its shape. mteb runs ``mteb.evaluate`` with its
``MultiVectorWrapper`` and defaults; evalsuite its command. Both in float32, each in a fresh process
with empty caches, on the same files. Memory is the private memory of the whole process tree, looked
at ten times a second. Run as

    python bench/late_interaction.py ../shared/data/hub [--repeats 3]

on a machine with nothing else to do; a repetition takes about ten minutes. Writes
``reports/bench/late_interaction.{json,md}``; exits with 1 if a goal is missed or scores differ.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common import (
    EVALSUITE,
    ROOT,
    Goal,
    Spread,
    environment,
    facts,
    goal_lines,
    heading,
    in_turn,
    options_of,
    publish,
    records,
    timed,
    versions,
)
from retrieval_scale import Watch

TASK = "SciFact"
FASTER, MEMORY, APART = 1.5, 0.5, 1e-4
GIB = 2**30

MAKE = """
import sys, torch
from sentence_transformers import MultiVectorEncoder
torch.manual_seed(0)
from evalsuite.checkpoint import resolve
MultiVectorEncoder(str(resolve("demo:minilm").path), device="cpu").save(sys.argv[1])
"""
PEER = """
import sys, mteb
from mteb.models.sentence_transformer_wrapper import MultiVectorWrapper
[result] = mteb.evaluate(
    MultiVectorWrapper(sys.argv[1], device="cpu"), mteb.get_task("SciFact"), cache=None
).task_results
print("score", result.scores["test"][0]["main_score"])
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One command."""

    seconds: float
    """From its start to its end."""
    processor: float
    """Processor seconds of all its threads and children."""
    memory: int
    """Peak of the private memory of all its processes, in bytes."""
    score: float


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("data", type=Path, help="data sets, in hub layout")
    options = parser.parse_args()
    about: dict[str, Any] = facts(
        task=TASK,
        quick=options.quick,
        versions=versions("mteb", "sentence-transformers", "transformers", "torch"),
    )
    status = 1
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        subprocess.run([sys.executable, "-c", MAKE, str(model)], check=True, capture_output=True)
        data = options.data.resolve()
        sides = {
            "mteb": partial(peer, model=model, data=data),
            "evalsuite": partial(ours, model=model, data=data),
        }
        repeats = 1 if options.quick else options.repeats
        for found in in_turn(repeats, sides, Path(scratch)):
            status = report(about, found, options.reports)
    return status


def peer(folder: Path, model: Path, data: Path) -> Run:
    """What mteb's own wrapper gives."""
    (folder / "mteb").symlink_to(data / "mteb")
    with Watch() as watch:
        done = timed([sys.executable, "-c", PEER, str(model)], environment(folder), folder)
    score = next(line for line in done.output.splitlines() if line.startswith("score "))
    return Run(done.seconds, done.processor, watch.private, float(score.split()[1]))


def ours(folder: Path, model: Path, data: Path) -> Run:
    """``evalsuite run``."""
    store = folder / "store"
    command = [*EVALSUITE, "run", "--ckpt", str(model), "--tasks", TASK, "--dtype", "float32"]
    command += ["--data", str(data), "--out", str(store), "--reports", str(folder / "reports")]
    with Watch() as watch:
        done = timed(command, environment(folder), ROOT)
    return Run(done.seconds, done.processor, watch.private, records(store)[TASK]["score"])


def report(about: dict[str, Any], found: list[dict[str, Run]], folder: Path) -> int:
    """Print and write what is measured so far; 1 if a goal is missed."""
    goals = list(goals_of(found))
    apart = max(abs(one["mteb"].score - one["evalsuite"].score) for one in found)
    about |= {
        "repeats": len(found),
        "difference": apart,
        "repetitions": [{side: asdict(run) for side, run in one.items()} for one in found],
    }
    publish("late_interaction", about, goals, page(about, found, goals, apart), folder)
    return 0 if apart <= APART and all(goal.met for goal in goals) else 1


def goals_of(found: list[dict[str, Run]]) -> Iterator[Goal]:
    """How many times as fast, and the share of the memory, repetition by repetition."""
    times = Spread.of(one["mteb"].seconds / one["evalsuite"].seconds for one in found)
    yield Goal(9, "late interaction on SciFact against mteb's own", FASTER, times, "×", "higher")
    share = Spread.of(one["evalsuite"].memory / one["mteb"].memory for one in found)
    yield Goal(9, "late interaction, peak memory of all processes", MEMORY, share, "×", "lower")


def page(
    about: dict[str, Any], found: list[dict[str, Run]], goals: list[Goal], apart: float
) -> list[str]:
    """The figures as Markdown."""
    lines = [
        *heading("Late interaction on SciFact: mteb's own wrapper and evalsuite", about),
        (
            "all-MiniLM-L6-v2 with a random projection to 128 dimensions, a vector for each token; "
            "float32, each side in a fresh process with empty caches."
        ),
        "",
        *goal_lines(goals),
        "",
        "| | seconds | processor seconds | peak memory, GiB | NDCG@10 |",
        "|---|---:|---:|---:|---:|",
    ]
    for side in ("mteb", "evalsuite"):
        runs = [one[side] for one in found]
        seconds = Spread.of(run.seconds for run in runs).text()
        used = Spread.of(run.processor for run in runs).text()
        memory = Spread.of(run.memory / GIB for run in runs).text(2)
        lines.append(f"| {side} | {seconds} | {used} | {memory} | {runs[0].score:.5f} |")
    return [*lines, "", f"Scores differ by at most {apart:.1e} (allowed: {APART:.0e})."]


if __name__ == "__main__":
    sys.exit(main())
