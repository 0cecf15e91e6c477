"""The watchdog: notices a worker that makes no progress."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evalsuite.run.workers import events

BUSY_FACTOR = 12
"""A worker that computes may be silent this many times longer: compiling a model, fitting one
large clustering."""

LOOKS = 100
"""How often a silent worker is looked at before patience is lost."""

IDLE_SHARE = 0.01
"""Share of one core below which a process does nothing; threads that poll use a tenth of it."""


@dataclass(slots=True)
class Watch:
    """Notices that a worker makes no progress.

    Silence is counted in looks, not by a clock. So time in which this process was stopped, or the
    machine asleep, does not count.
    """

    pid: int
    """The worker, leader of its process group."""
    patience: float
    """Seconds."""
    work: Callable[[int], tuple[float, bool] | None] = field(default_factory=lambda: processor_work)
    """What a process has done so far; see :func:`processor_work`."""
    _waiting: bool = False
    _silent: int = 0
    _used: deque[float] = field(default_factory=lambda: deque(maxlen=LOOKS + 1))

    @property
    def interval(self) -> float:
        """Seconds of silence after which to look."""
        return self.patience / LOOKS

    def on_event(self, event: events.Event) -> None:
        """The worker made progress, or waits for another run, which may take any time."""
        self._waiting = isinstance(event, events.JobWaiting)
        self._silent = 0
        self._used.clear()

    def look(self) -> str | None:
        """Look at a worker after one more interval of silence.

        Returns:
            Why it has stalled; ``None`` if it has not.
        """
        if self._waiting:
            return None
        self._silent += 1
        done = self.work(self.pid)
        if done is not None:
            used, busy = done
            if busy:
                self._used.clear()
            self._used.append(used)
            full = len(self._used) > LOOKS
            if full and used - self._used[0] < IDLE_SHARE * self.patience:
                return f"the engine's process has done nothing for {self.patience:,.0f} s"
        if self._silent >= LOOKS * BUSY_FACTOR:
            seconds = self.patience * BUSY_FACTOR
            return f"the engine's process has been busy for {seconds:,.0f} s without a result"
        return None


def processor_work(leader: int) -> tuple[float, bool] | None:
    """Processor time of a process and of all that it started, ended ones included.

    Returns:
        Processor seconds, and whether one of their threads is ready to run or waits for storage: on
        a busy machine it may wait long for its turn, and weights may come slowly over a network.
        ``None`` where there is no ``/proc``.
    """
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if fields := _fields(stat):
            pid = int(stat.parent.name)
            # proc(5): after the name come state, parent, …; utime to cstime are 14 to 17.
            parents[pid] = int(fields[1])
            ticks[pid] = sum(map(int, fields[11:15]))
    if not ticks:
        return None
    below = fresh = {leader} & parents.keys()
    while fresh := {pid for pid, parent in parents.items() if parent in fresh} - below:
        below = below | fresh
    threads = (stat for pid in below for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    busy = any(_fields(stat)[:1] in (["R"], ["D"]) for stat in threads)  # proc(5)
    return sum(ticks[pid] for pid in below) / os.sysconf("SC_CLK_TCK"), busy


def _fields(stat: Path) -> list[str]:
    """What ``/proc`` says after the name of a process or thread; nothing, if it has ended."""
    try:
        return stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
