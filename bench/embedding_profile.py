"""Where the time of an embedding run goes: how much of it the model computes, and what the rest is.

The four tasks of ``mteb_peer.py`` with all-MiniLM-L6-v2, from the start of ``evalsuite run`` to
its end, on files and with empty caches. Two measurements:

* *the run*: moments at which the engine was loaded and each job ended, as the run hears them, and
  the seconds that the engine spent on each task's calls. While the engine waits, nothing of the
  run is being embedded. Table and figure at a run's end are left out;
* *the engine*: the same texts shard by shard through ``prepare`` and ``embed``, with a clock around
  the model's forward pass. ``prepare`` (tokenising) runs beside the model in a run.

Run as

    python bench/embedding_profile.py ../shared/data/hub [--repeats 3] [--dtype float32]

on a machine with nothing else to do. Writes ``reports/bench/embedding_profile.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import (
    Spread,
    environment,
    facts,
    heading,
    in_turn,
    options_of,
    publish,
    timed,
    versions,
)
from evalsuite.run.job import Group
from evalsuite.run.workers.events import EngineReady, Event, JobEnded
from mteb_peer import TASKS

SHARD = 1024
"""Texts that are made ready and embedded at a time, as in a run."""
PARTS = {
    "start": "start: command line, plan",
    "load": "libraries and engine loaded",
    "engine": "engine at work",
    "idle": "engine waiting, scoring of the last task included",
    "end": "processes end",
}
SOURCES: dict[str, tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]] = {
    "STSBenchmark": (("stsbenchmark-sts/data/test*.parquet", (("sentence1",), ("sentence2",))),),
    "Banking77Classification": (("banking77/data/test*.parquet", (("text",),)),),
    "EmotionClassification": (("emotion/data/test*.parquet", (("text",),)),),
    "SciFact": (
        ("scifact/corpus/*.parquet", (("title", "text"),)),
        ("scifact/queries/*.parquet", (("text",),)),
    ),
}
"""Task → files, and the columns that make a text."""
Moments = dict[str, Any]


@dataclass
class Clock:
    """Hears a run, and notes the moments that part it."""

    group: float = 0.0
    ready: float = 0.0
    last: float = 0.0
    order: list[str] = field(default_factory=list)

    def group_started(self, group: Group) -> None:
        """The worker is about to be started."""
        del group
        self.group = time.time()

    def on_event(self, group: Group, event: Event) -> None:
        """Take the time of what counts."""
        if isinstance(event, EngineReady):
            self.ready = time.time()
        elif isinstance(event, JobEnded):
            self.last = time.time()
            self.order.append(str(group.job(event.job).task.source))


def main() -> int:
    """Measure, print, write."""
    parser = options_of(__doc__, repeats=3)
    parser.add_argument("data", type=Path, help="data sets, in hub layout")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--side", choices=("run", "engine"), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    tasks = TASKS[:1] if options.quick else TASKS
    if options.side:
        found = (run if options.side == "run" else engine)(options, tasks)
        (options.work / "found.json").write_text(json.dumps(found))
        return 0
    about = facts(
        checkpoint="demo:minilm",
        dtype=options.dtype,
        tasks=tasks,
        quick=options.quick,
        versions=versions("sentence-transformers", "transformers", "torch", "mteb"),
    )
    with tempfile.TemporaryDirectory() as scratch:
        sides = {
            name: lambda work, name=name: child(name, work, options) for name in ("run", "engine")
        }
        for found in in_turn(options.repeats, sides, Path(scratch)):
            about |= {"repeats": len(found), "repetitions": found}
            publish("embedding_profile", about, [], page(about, found), options.reports)
    return 0


def child(side: str, work: Path, options: argparse.Namespace) -> Moments:
    """One measurement, in a process of its own."""
    command = [sys.executable, __file__, str(options.data.resolve()), "--dtype", options.dtype]
    command += ["--side", side, "--work", str(work), *(["--quick"] if options.quick else [])]
    started = time.time()
    done = timed(command, environment(work))
    found: Moments = json.loads((work / "found.json").read_text())
    return {**found, "started": started, "whole": done.seconds}


def run(options: argparse.Namespace, tasks: tuple[str, ...]) -> Moments:
    """What the command line does, heard from inside."""
    from evalsuite.commands.requests import RunRequest
    from evalsuite.commands.run import prepare
    from evalsuite.run.options import RunOptions
    from evalsuite.run.plan import make_plan
    from evalsuite.run.run import execute
    from evalsuite.run.workers.executor import LocalExecutor
    from evalsuite.store import Store

    store = Store(options.work / "store")
    chosen = RunOptions(dtype=options.dtype, data_root=options.data)
    request = RunRequest(
        checkpoints=("demo:minilm",), suite=None, tasks=tasks, results=store.root, options=chosen
    )
    asked = prepare(request)
    plan = make_plan(asked.checkpoints, asked.tasks, chosen, asked.registry, store)
    clock = Clock()
    result = execute(plan, store, LocalExecutor(), clock)
    if result.failed:
        raise SystemExit(f"not scored: {result.failed[0].reason}")
    timings = {r.signature.task: r.timings for r in result.records if r.timings}
    return {
        "group": clock.group,
        "ready": clock.ready,
        "last": clock.last,
        "order": clock.order,
        "tasks": {name: one.model_dump() for name, one in timings.items()},
    }


def engine(options: argparse.Namespace, tasks: tuple[str, ...]) -> Moments:
    """Seconds of making ready, of embedding, and of the model's forward passes within it.

    Passes that run side by side count as the mean over their streams.
    """
    from evalsuite.checkpoint import resolve
    from evalsuite.engines.batched_encoder import BatchedEncoder
    from evalsuite.engines.load import load_encoder

    encoder = load_encoder(resolve("demo:minilm"), device="cpu", dtype=options.dtype)
    assert isinstance(encoder, BatchedEncoder)
    forward, adding = 0.0, threading.Lock()

    def add(seconds: float) -> None:
        nonlocal forward
        # Passes begin and end in several threads at once.
        with adding:
            forward += seconds

    def begins(*_: Any) -> None:
        add(-time.perf_counter())

    def ends(*_: Any) -> None:
        add(time.perf_counter())

    model = encoder._model  # noqa: SLF001 - measured, not used
    model.register_forward_pre_hook(begins)
    model.register_forward_hook(ends)
    encoder.encode(["warm"])
    forward = prepare = embed = 0.0
    texts = texts_of(options.data, tasks)
    for first in range(0, len(texts), SHARD):
        started = time.perf_counter()
        prepared = encoder.prepare(texts[first : first + SHARD])
        between = time.perf_counter()
        encoder.embed(prepared)
        prepare += between - started
        embed += time.perf_counter() - between
    forward /= encoder._batcher.parallel.count  # noqa: SLF001 - measured, not used
    return {"texts": len(texts), "prepare": prepare, "embed": embed, "forward": forward}


def texts_of(data: Path, tasks: tuple[str, ...]) -> list[str]:
    """The different texts of the tasks' files, the longest first."""
    from evalsuite.data import read_rows

    texts: set[str] = set()
    for task in tasks:
        for pattern, columns in SOURCES[task]:
            for path in sorted((data / "mteb").glob(pattern)):
                for row in read_rows(path):
                    texts |= {" ".join(filter(None, (row[c] for c in group))) for group in columns}
    return sorted(texts, key=lambda text: (-len(text), text))


def page(about: dict[str, Any], found: list[dict[str, Moments]]) -> list[str]:
    """The figures as Markdown."""
    shares = [parts_of(one["run"]) for one in found]
    inside = [one["engine"] for one in found]
    outside = Spread.of(1 - one["engine"] / sum(one.values()) for one in shares)
    model = Spread.of(one["forward"] / one["embed"] for one in inside)
    lines = [
        *heading("Where the time of an embedding run goes", about),
        (
            f"all-MiniLM-L6-v2 in {about['dtype']} on {', '.join(about['tasks'])}: the engine is "
            f"not at work for {outside.text(1, 100)} % of the run, from the start of the first "
            f"process to the end of the last. Of the engine's time {model.text(1, 100)} % is the "
            "model's forward pass; the rest is batches, padding, checks and copies."
        ),
        "",
        "| | seconds | share of the run, % |",
        "|---|---:|---:|",
    ]
    for part, what in PARTS.items():
        seconds = Spread.of(one[part] for one in shares)
        share = Spread.of(one[part] / sum(one.values()) for one in shares)
        lines.append(f"| {what} | {seconds.text(1)} | {share.text(1, 100)} |")
    lines += [
        "",
        "Seconds a task; a task waits while the engine works for the one before it:",
        "",
        "| | begun to scored | engine | data loaded |",
        "|---|---:|---:|---:|",
    ]
    for task in about["tasks"]:
        timings = [one["run"]["tasks"][task] for one in found]
        cells = (
            Spread.of(one[key] for one in timings).text(1)
            for key in ("total", "engine", "load_data")
        )
        lines.append(f"| {task} | {' | '.join(cells)} |")
    ready = Spread.of(one["prepare"] for one in inside)
    embed = Spread.of(one["embed"] for one in inside)
    return [
        *lines,
        "",
        (
            f"Alone, {inside[0]['texts']:,} different texts: tokenised in {ready.text(1)} s, which "
            f"in a run happens beside the model, and embedded in {embed.text(1)} s."
        ),
    ]


def parts_of(moments: Moments) -> dict[str, float]:
    """Seconds of each part of a run; together the whole."""
    worked = sum(one["engine"] for one in moments["tasks"].values())
    return {
        "start": moments["group"] - moments["started"],
        "load": moments["ready"] - moments["group"],
        "engine": worked,
        "idle": moments["last"] - moments["ready"] - worked,
        "end": moments["started"] + moments["whole"] - moments["last"],
    }


if __name__ == "__main__":
    sys.exit(main())
