"""A watch in a folder of its own, with a clock that waits for nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evalsuite.watch.follow import Ends, follow
from evalsuite.watch.models import Held, Outcome, Pace, Wanted
from evalsuite.watch.queue import Queue, outcome_of
from helpers.training import ScriptedClock

PACE = Pace(poll=2, quiet=4, old=60)


@dataclass
class World:
    """A training's folder, and who watches it."""

    root: Path
    clock: ScriptedClock
    notes: list[str] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    while_judging: Callable[[Held], object] | None = None

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def queue(self, **wanted: object) -> Queue:
        place = self.root / "place"
        place.mkdir(exist_ok=True)
        rules = Wanted(**wanted)  # type: ignore[arg-type]
        return Queue(self.runs, place, rules, self.clock, PACE, self.notes.append)

    def judge(self, held: Held) -> Outcome:
        if self.while_judging:
            self.while_judging(held)
        assert (held.copy_path / "model.safetensors").is_file()
        self.judged.append(held.step)
        return outcome_of(held, "evaluated", line="fine")

    def follow(self, queue: Queue, **ends: object) -> str:
        def tell(outcome: Outcome) -> None:
            self.told.append(outcome.step)

        how = Ends(**ends)  # type: ignore[arg-type]
        return follow(queue, self.judge, tell, how, self.clock, PACE)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, ScriptedClock(time.time()))
    made.runs.mkdir()
    return made
