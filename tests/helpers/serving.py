"""What a worker reports, and the harness processes that it started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evalsuite.run.workers import events
from evalsuite.run.workers.jobs import JobRunner


@dataclass
class Heard:
    """Events, and what to do on one of them."""

    events: list[events.Event] = field(default_factory=list)
    then: Callable[[events.Event], None] = lambda _: None

    def __call__(self, event: events.Event) -> None:
        self.events.append(event)
        self.then(event)

    def ended(self) -> dict[str, str]:
        found = [event for event in self.events if isinstance(event, events.JobEnded)]
        assert len({event.job for event in found}) == len(found), "a job ended twice"
        return {event.job: event.status for event in found}


def keys(runner: JobRunner) -> list[str]:
    """The jobs of a runner, in order."""
    return [job.key for job in runner.spec.jobs]


def end_of_children(seconds: float = 60.0) -> bool:
    """Wait until no process that a worker started is left; whether that was so in time."""
    deadline = time.monotonic() + seconds
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not children()


def children() -> list[int]:
    """The warm process of a worker in this process, and its copies."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            words = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if b"warm_process" in words:
            parents[int(stat.parent.name)] = int(fields[1])
    first = [pid for pid, parent in parents.items() if parent == os.getpid()]
    return first + [pid for pid, parent in parents.items() if parent in first]
