"""``kill -9`` of a watcher at random moments while a simulated trainer writes and deletes.

The trainer writes sharded checkpoints piece by piece and keeps the last one. It deletes one only
after a watcher that was alive has had the time to find it: what comes and goes while no watcher
runs cannot be held by any. The watcher is evalsuite's own, with a judge that reads each file of
the copy slowly, compares it with what the trainer wrote, and stores a record as a run does.

``python tests/torture/watch_kills.py --kills 30`` writes ``reports/torture/watch_kills.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from evalsuite.schema import digest
from evalsuite.store import Store
from evalsuite.watch.follow import Ends, follow
from evalsuite.watch.models import Held, Outcome, Pace, SystemClock, Wanted
from evalsuite.watch.queue import Queue, outcome_of
from evalsuite.watch.state import locked, place_of
from helpers.records import record
from helpers.training import safetensors, write_json

REPORTS = Path(__file__).parents[2] / "reports" / "torture"
PACE = Pace(poll=0.02, quiet=0.06, old=60)
KEPT = 1
"""Checkpoints that the trainer does not delete."""
LOOKS = 10
"""Looks of one watcher after which a checkpoint has been found."""
SHARDS = tuple(f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3))
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Finding:
    """What was found after all kills."""

    kills: int
    checkpoints: int
    """That the trainer completed."""
    lost: int
    twice: int
    """Evaluated to the end more than once."""
    misread: int
    """Files that were gone or not what the trainer wrote."""
    disorder: int
    """Checkpoints that were begun after one of a higher step."""
    untold: int
    """Of which no hook was told."""
    left: int
    """Holds at the end."""
    outlived: int
    """Evaluations at whose end the trainer had deleted the original."""
    in_evaluation: int
    """Kills that came within an evaluation."""
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing was wrong."""
        wrong = self.lost, self.twice, self.misread, self.disorder, self.untold, self.left
        return not any(wrong)


class World:
    """The folders of trainer and watcher, and what they share."""

    def __init__(self, root: Path) -> None:
        self.runs, self.store = root / "run", Store(root / "results")
        self.place = place_of(self.store, self.runs, "simulated", None)
        self._log = root / "log"
        self.life, self.looks = FORK.Value("q", 0), FORK.Value("q", 0)
        self.stop = FORK.Event()
        self.runs.mkdir(parents=True)

    def say(self, word: str, step: int) -> None:
        """Append to the log; a line is written at once, so that no kill cuts it."""
        handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{word} {step}\n".encode())
        os.close(handle)

    def said(self, word: str) -> list[int]:
        """The steps of the log's lines with a word."""
        lines = self._log.read_text().splitlines() if self._log.is_file() else []
        return [int(line.split()[1]) for line in lines if line.split()[0] == word]


def train(world: World, seed: int) -> None:
    """Write checkpoints until told to stop; delete all but the last."""
    draw = random.Random(seed)
    seen: dict[int, tuple[int, int]] = {}
    step = 0
    while not world.stop.is_set():
        step += draw.choice((5, 10, 95))
        write_slowly(world.runs / f"checkpoint-{step}", step, draw)
        world.say("written", step)
        seen[step] = (world.life.value, world.looks.value)
        while len(seen) > KEPT:
            oldest = min(seen)
            life, looks = seen[oldest]
            if life != world.life.value:
                seen[oldest] = (world.life.value, world.looks.value)
            elif world.looks.value - looks >= LOOKS:
                shutil.rmtree(world.runs / f"checkpoint-{oldest}")
                del seen[oldest]
            elif world.stop.is_set():
                return
            time.sleep(0.005)


def write_slowly(path: Path, step: int, draw: random.Random) -> None:
    """Write a checkpoint as the Trainer does, with pauses within and between files."""
    path.mkdir()
    write_json(path / "config.json", {"architectures": ["LlamaForCausalLM"]})
    for number, name in enumerate(SHARDS):
        whole = safetensors(step + number)
        with (path / name).open("wb") as file:
            file.write(whole[: draw.randrange(len(whole))])
            file.flush()
            time.sleep(draw.uniform(0, 0.02))
            file.seek(0)
            file.write(whole)
    write_json(
        path / "model.safetensors.index.json",
        {"weight_map": {str(number): name for number, name in enumerate(SHARDS)}},
    )
    (path / "optimizer.pt").write_bytes(b"large")
    time.sleep(draw.uniform(0, 0.02))
    write_json(path / "trainer_state.json", {"global_step": step})


class CountedQueue(Queue):
    """Counts its looks, for the trainer."""

    world: World

    def look(self) -> None:
        super().look()
        self.world.looks.value += 1


def watch(world: World, *, once: bool) -> None:
    """One life of the watcher."""
    with locked(world.place, world.runs):
        clock = SystemClock()
        queue = CountedQueue(world.runs, world.place, Wanted(), clock, PACE, lambda line: None)
        queue.world = world
        world.looks.value = 0
        world.life.value += 1
        done = {one.key for one in queue.outcomes}

        def tell(outcome: Outcome) -> None:
            world.say("told", outcome.step)

        def judge(held: Held) -> Outcome:
            if held.key in done:
                world.say("again", held.step)
            return evaluate(world, held)

        follow(queue, judge, tell, Ends(once=once), clock, PACE)


def evaluate(world: World, held: Held) -> Outcome:
    """Read the copy slowly, and store a record unless there is one, as a run does."""
    world.say("begun", held.step)
    for number, name in enumerate(SHARDS):
        try:
            right = (held.copy_path / name).read_bytes() == safetensors(held.step + number)
        except OSError:
            right = False
        if not right:
            world.say("misread", held.step)
        time.sleep(0.15)
    made = record("t", 0.5, checkpoint=held.name, fingerprint=digest(held.key))
    if not world.store.find(made.checkpoint.fingerprint, made.signature.plan_key):
        world.store.put(made)
    world.say("stored" if held.path.exists() else "outlived", held.step)
    return outcome_of(held, "evaluated")


def play(kills: int, seed: int, root: Path) -> Finding:
    """Kill the watcher so many times; then let it end, and look at what there is."""
    world, draw, started = World(root), random.Random(seed), time.monotonic()
    trainer = started_process(train, world, seed)
    within = 0
    for _ in range(kills):
        watcher = started_process(lambda: watch(world, once=False))
        time.sleep(draw.uniform(0.02, 1.2))
        assert watcher.is_alive(), "the watcher ended by itself"
        assert watcher.pid is not None
        os.kill(watcher.pid, signal.SIGKILL)
        watcher.join()
        ended = len(world.said("stored")) + len(world.said("outlived"))
        within += len(world.said("begun")) - within > ended
    world.stop.set()
    trainer.join()
    last = started_process(lambda: watch(world, once=True))
    last.join()
    assert (trainer.exitcode, last.exitcode) == (0, 0)
    return look_back(world, kills, within, time.monotonic() - started)


def started_process(target: Callable[..., None], *given: Any) -> BaseProcess:
    """A fork of this process, which has imported everything: a life begins in milliseconds."""
    process = FORK.Process(target=target, args=given)
    process.start()
    return process


def look_back(world: World, kills: int, within: int, seconds: float) -> Finding:
    """Compare what the trainer wrote with what the watcher left."""
    written, begun = set(world.said("written")), world.said("begun")
    records = Counter(found.checkpoint.name for _, found in world.store.files())
    stored = {int(name.rpartition("-")[2]) for name in records}
    first = list(dict.fromkeys(begun))
    return Finding(
        kills=kills,
        checkpoints=len(written),
        lost=len(written - stored),
        twice=sum(count > 1 for count in records.values()) + len(world.said("again")),
        misread=len(world.said("misread")),
        disorder=sum(step > later for step, later in pairwise(first)),
        untold=len(written - set(world.said("told"))),
        left=len(list((world.place / "held").iterdir())),
        outlived=len(set(world.said("outlived"))),
        in_evaluation=within,
        seconds=round(seconds, 1),
    )


def write(finding: Finding, seed: int) -> str:
    """Write the report; return its figures as one line."""
    line = (
        f"{finding.kills} kills, {finding.in_evaluation} of them within an evaluation; "
        f"{finding.checkpoints} checkpoints, {finding.outlived} of them deleted by the trainer "
        f"before their evaluation ended: {finding.lost} lost, {finding.twice} evaluated twice, "
        f"{finding.misread} files misread or gone, {finding.disorder} out of order, "
        f"{finding.untold} not told, {finding.left} holds left"
    )
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = {"figures": line, "seed": seed, **asdict(finding)}
    (REPORTS / "watch_kills.json").write_text(json.dumps(report, indent=1) + "\n")
    (REPORTS / "watch_kills.md").write_text(
        f"# Kills of a watcher\n\n{line}.\n\nSeed {seed}; {finding.seconds:.0f} s. A simulated "
        f"trainer writes checkpoints of {len(SHARDS)} shards piece by piece and keeps the last "
        f"{KEPT}. It deletes one only after one watcher has looked {LOOKS} times: what comes and "
        "goes while no watcher runs cannot be held by any.\n"
    )
    return line


def main() -> int:
    """Play, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="print JSON, write no report")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        finding = play(asked.kills, asked.seed, Path(folder))
    said = json.dumps(asdict(finding)) if asked.quick else write(finding, asked.seed)
    sys.stdout.write(said + "\n")
    return int(not finding.good)


if __name__ == "__main__":
    sys.exit(main())
