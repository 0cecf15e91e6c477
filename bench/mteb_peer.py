"""Time ``mteb run`` and ``evalsuite run`` in turn: four public tasks, all-MiniLM-L6-v2.

mteb runs as its users run it: its own command line, sentence-transformers, every default. Without
a hub, it finds model and data sets under their names as folders below the current one, links to the
very files that evalsuite reads; nothing of it is changed. Each command is a process of its own with
empty caches and an empty store. evalsuite runs in float32 and in bfloat16; mteb has no option for
the precision and runs in float32, as the checkpoint says. A command does all tasks, and one more
each task alone (in float32): within evalsuite's run tasks overlap and have no time of their own.
Run as

    python bench/mteb_peer.py ../shared/data/hub [--repeats 3] [--add REPORT]

on a machine with nothing else to do; a repetition takes 23 minutes, and those of an earlier
sitting count too with ``--add`` and its JSON report. Writes ``reports/bench/mteb_peer.{json,md}``;
exits with 1 if a goal is missed or a score differs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
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
    verdict,
    versions,
)
from evalsuite.checkpoint import resolve

TASKS = ("STSBenchmark", "Banking77Classification", "EmotionClassification", "SciFact")
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
PEER = "mteb"
TOLERANCE = {"float32": 0.01, "bfloat16": 0.2}
"""Percentage points."""
IN_ALL = {"float32": 2.0, "bfloat16": 3.5}
EACH = 1.0
ALONE = "float32"
"""In which each task has a command of its own as well."""


@dataclass(frozen=True, slots=True)
class Run:
    """One command."""

    seconds: float
    """From its start to its end."""
    processor: float
    """Processor seconds of all its threads and children."""
    scores: dict[str, float]
    """In percent."""


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = options_of(__doc__, repeats=3, adds=True)
    parser.add_argument("data", type=Path, help="data sets, in hub layout")
    options = parser.parse_args()
    tasks = TASKS[:1] if options.quick else TASKS
    about: dict[str, Any] = facts(
        checkpoint=MODEL,
        tasks=tasks,
        quick=options.quick,
        versions=versions("mteb", "sentence-transformers", "transformers", "torch"),
    )
    data = options.data.resolve()
    sides = {
        PEER: partial(peer, data=data, tasks=tasks),
        **{dtype: partial(ours, data=data, tasks=tasks, dtype=dtype) for dtype in TOLERANCE},
    }
    for task in tasks:
        sides[alone(PEER, task)] = partial(peer, data=data, tasks=(task,))
        sides[alone(ALONE, task)] = partial(ours, data=data, tasks=(task,), dtype=ALONE)
    before = repetitions(earlier(about, options), Run)
    status = 1
    with tempfile.TemporaryDirectory() as scratch:
        for found in in_turn(options.repeats, sides, Path(scratch), before=before):
            status = report(about, found, tasks, options.reports)
    return status


def report(
    about: dict[str, Any], found: list[dict[str, Run]], tasks: tuple[str, ...], folder: Path
) -> int:
    """Print and write what is measured so far; 1 if a goal is missed."""
    differences = {
        dtype: {task: largest_difference(found, dtype, task) for task in tasks}
        for dtype in TOLERANCE
    }
    agree = all(
        value <= TOLERANCE[dtype] for dtype in differences for value in differences[dtype].values()
    )
    goals = list(goals_of(found, tasks))
    about |= {
        "repeats": len(found),
        "differences": differences,
        "scores_agree": agree,
        "repetitions": [{side: asdict(run) for side, run in one.items()} for one in found],
    }
    publish("mteb_peer", about, goals, page(about, found, goals, tasks, differences), folder)
    return 0 if agree and all(goal.met for goal in goals) else 1


def alone(side: str, task: str) -> str:
    """Name of the commands that do one task."""
    return f"{side}, {task}"


def peer(folder: Path, data: Path, tasks: tuple[str, ...]) -> Run:
    """``mteb run``."""
    work, results = folder / "work", folder / "results"
    model = work / MODEL
    model.parent.mkdir(parents=True)
    model.symlink_to(resolve("demo:minilm").path)
    (work / "mteb").symlink_to(data / "mteb")
    command = [str(Path(sys.executable).with_name("mteb")), "run", "-m", MODEL, "-t", *tasks]
    # Every task has results for its test split alone: evalsuite evaluates no other.
    command += ["--eval-splits", "test", "--output-folder", str(results)]
    done = timed(command, environment(folder), work)
    files = {path.stem: json.loads(path.read_text()) for path in results.rglob("*.json")}
    return Run(
        seconds=done.seconds,
        processor=done.processor,
        scores={task: 100 * files[task]["scores"]["test"][0]["main_score"] for task in tasks},
    )


def ours(folder: Path, data: Path, tasks: tuple[str, ...], dtype: str) -> Run:
    """``evalsuite run``."""
    store = folder / "store"
    command = [*EVALSUITE, "run", "--ckpt", "demo:minilm", "--tasks", ",".join(tasks)]
    command += ["--data", str(data), "--dtype", dtype]
    command += ["--out", str(store), "--reports", str(folder / "reports")]
    done = timed(command, environment(folder), ROOT)
    scored = records(store)
    return Run(
        seconds=done.seconds,
        processor=done.processor,
        scores={task: 100 * scored[task]["score"] for task in tasks},
    )


def largest_difference(found: list[dict[str, Run]], dtype: str, task: str) -> float:
    """Of the two sides' main scores in any repetition, in percentage points."""
    pairs = [(one[dtype], one[PEER]) for one in found]
    if dtype == ALONE:
        pairs += [(one[alone(dtype, task)], one[alone(PEER, task)]) for one in found]
    return max(abs(mine.scores[task] - theirs.scores[task]) for mine, theirs in pairs)


def goals_of(found: list[dict[str, Run]], tasks: tuple[str, ...]) -> list[Goal]:
    """How many times faster, repetition by repetition."""

    def goal(what: str, least: float, theirs: str, mine: str) -> Goal:
        times = Spread.of(one[theirs].seconds / one[mine].seconds for one in found)
        return Goal(1, f"`mteb run`, {what}", least, times, "×", "higher")

    return [
        *(goal(f"all tasks, {dtype}", IN_ALL[dtype], PEER, dtype) for dtype in IN_ALL),
        *(
            goal(f"{task} alone, {ALONE}", EACH, alone(PEER, task), alone(ALONE, task))
            for task in tasks
        ),
    ]


def page(
    about: dict[str, Any],
    found: list[dict[str, Run]],
    goals: list[Goal],
    tasks: tuple[str, ...],
    differences: dict[str, dict[str, float]],
) -> list[str]:
    """The figures as Markdown."""
    sides = [PEER, *TOLERANCE]
    lines = [
        *heading("`mteb run` and `evalsuite run`", about),
        (
            f"{MODEL} on the same files; each command in a fresh process with empty caches. mteb: "
            "its command line, sentence-transformers, all defaults (float32). How many times "
            "faster evalsuite is, pair by pair:"
        ),
        "",
        *goal_lines(goals),
        "",
        "Seconds from the start of a command to its exit; its libraries are imported in them:",
        "",
        f"| | {PEER} | evalsuite, float32 | evalsuite, bfloat16 |",
        "|---|---:|---:|---:|",
    ]
    for task in tasks:
        pair = [
            Spread.of(one[alone(side, task)].seconds for one in found) for side in (PEER, ALONE)
        ]
        lines.append(f"| {task} alone | {pair[0].text()} | {pair[1].text()} | |")
    times = (Spread.of(one[side].seconds for one in found).text() for side in sides)
    used = (Spread.of(one[side].processor for one in found).text() for side in sides)
    lines += [
        f"| **all tasks** | {' | '.join(times)} |",
        f"| processor seconds of these, all threads | {' | '.join(used)} |",
        "",
        "Main scores in percent, and the largest difference in any repetition:",
        "",
        f"| | {PEER} | float32 | difference | bfloat16 | difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for task in tasks:
        scores = {side: found[0][side].scores[task] for side in sides}
        cells = [f"{scores[PEER]:.3f}"]
        for dtype, allowed in TOLERANCE.items():
            apart = differences[dtype][task]
            cells += [
                f"{scores[dtype]:.3f}",
                f"{apart:.4f} ≤ {allowed}: {verdict(apart <= allowed)}",
            ]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
