"""Time one run of three small checkpoints on two small tasks, before and now.

The checkpoints are three states of a training, as far as cost goes: MiniLM with one tensor of its
weights moved a little. Each side is one ``evalsuite run`` on smoke-sts and smoke-classification, in
a fresh process and store, with empty caches. Both must give the same scores, to the bit. Run as

    git worktree add --detach ../before COMMIT
    python bench/warm_processes.py ../before [--repeats 3] [--quick]

Writes ``reports/bench/warm_processes.{json,md}``; exits with 1 if the goal is missed or a score
differs. A repetition takes two to four minutes on two cores.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    timed,
    versions,
)
from evalsuite.checkpoint import resolve
from evalsuite.store import Store

TASKS = "smoke-sts,smoke-classification"
CHECKPOINTS = 3
GOAL = 0.6
BEFORE, NOW = "before", "now"


@dataclass(frozen=True, slots=True)
class Run:
    """All checkpoints on one side."""

    seconds: float
    """From the command's start to its end."""
    processor: float
    """Processor seconds of all threads and processes that were waited for."""
    scores: dict[str, float | None]
    """``checkpoint task`` → score, not rounded."""


def main() -> int:
    """Measure, print, write; 1 if the goal is missed or a score differs."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("before", type=Path, help="a checkout of an earlier evalsuite")
    options = parser.parse_args()
    about = facts(
        checkpoints=CHECKPOINTS,
        tasks=TASKS,
        quick=options.quick,
        repeats=1 if options.quick else options.repeats,
        versions=versions("torch", "transformers", "sentence-transformers", "mteb"),
    )
    status = 1
    with tempfile.TemporaryDirectory() as scratch:
        models = make_models(Path(scratch) / "models")
        sides = {
            BEFORE: lambda folder: run(folder, options.before.resolve(), models),
            NOW: lambda folder: run(folder, ROOT, models),
        }
        for found in in_turn(about["repeats"], sides, Path(scratch)):
            status = report(about, found, options)
    return status


def make_models(folder: Path) -> list[Path]:
    """Folders with MiniLM, each with other weights and so with another fingerprint."""
    from safetensors.torch import load_file, save_file

    made = []
    for number in range(1, CHECKPOINTS + 1):
        target = folder / f"step-{number}"
        shutil.copytree(resolve("demo:minilm").path, target)
        weights = load_file(target / "model.safetensors")
        name = max(weights, key=lambda key: weights[key].numel())
        weights[name] = weights[name] * (1 + number / 1000)
        save_file(weights, target / "model.safetensors", {"format": "pt"})
        made.append(target)
    return made


def run(folder: Path, code: Path, models: Sequence[Path]) -> Run:
    """Run all checkpoints on all tasks with the code of a checkout."""
    command = [*EVALSUITE, "run", "--tasks", TASKS, "--device", "cpu", "--dtype", "float32"]
    command += ["--out", str(folder / "results"), "--reports", str(folder / "reports")]
    command += [word for model in models for word in ("--ckpt", str(model))]
    done = timed(command, environment(folder, PYTHONPATH=str(code)), folder)
    scored = Store(folder / "results").records()
    scores = {f"{one.checkpoint.name} {one.signature.task}": one.score for one in scored}
    if len(scores) != len(models) * len(TASKS.split(",")) or None in scores.values():
        raise SystemExit(f"not all is scored: {scores}")
    return Run(done.seconds, done.processor, scores)


def report(
    about: dict[str, object], found: Sequence[dict[str, Run]], options: argparse.Namespace
) -> int:
    """Write the page; 1 if the goal is missed or a score differs."""
    ratios = Spread.of(one[NOW].seconds / one[BEFORE].seconds for one in found)
    goal = Goal(26, "three checkpoints × two tasks, time", GOAL, ratios, "×", "lower")
    same = all(one[NOW].scores == found[0][BEFORE].scores == one[BEFORE].scores for one in found)
    lines = heading("Several small checkpoints in one run", about | {"repeats": len(found)})
    lines += [
        (
            f"{CHECKPOINTS} checkpoints (MiniLM, one tensor moved a little) on {TASKS}. "
            "*Before* is an earlier evalsuite, which imported all libraries in each process."
        ),
        "",
        *goal_lines([goal]),
        "",
        "| | seconds | processor seconds |",
        "|---|---:|---:|",
    ]
    for side in (BEFORE, NOW):
        seconds = Spread.of(one[side].seconds for one in found).text()
        processor = Spread.of(one[side].processor for one in found).text()
        lines.append(f"| {side} | {seconds} | {processor} |")
    lines += ["", f"Scores are {'the same to the bit' if same else '**different**'}."]
    publish("warm_processes", about, [goal], lines, options.reports)
    return 0 if goal.met and same else 1


if __name__ == "__main__":
    sys.exit(main())
