"""What is known about the checkpoints of a watched folder: plain, frozen data."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from evalsuite.schema import Frozen

Result = Literal["evaluated", "refused", "left out", "skipped"]
"""``refused``: it cannot be loaded. ``left out``: it belongs to another model, or its bytes were
evaluated before. ``skipped``: a newer one was there (``--latest``)."""


class Held(Frozen):
    """A complete checkpoint of which the watcher keeps hard links or a copy."""

    key: str
    """Tells its content from that of another checkpoint in the same folder."""
    path: Path
    """The trainer's folder."""
    name: str
    """What tables call it."""
    step: int
    copy_path: Path
    """The folder that is read."""


class Outcome(Frozen):
    """What became of a checkpoint."""

    key: str
    path: Path
    name: str
    step: int
    result: Result
    exit_code: int = 0
    verdict: str | None = None
    """Of its check; ``None`` without a baseline."""
    line: str = ""
    """The verdict or the reason, for people."""
    fingerprint: str | None = None
    model: str | None = None
    """Architecture and size, to notice a checkpoint of another model."""
    scores: dict[str, float | None] = {}
    """Task → main score, as the record keeps it; ``None`` where there is none."""
    told: bool = False
    """Whether the hooks have been called."""


class Clock(Protocol):
    """Where the time comes from; tests bring their own."""

    def now(self) -> float:
        """Seconds since 1970, as in the time stamps of files."""

    def wait(self, seconds: float) -> None:
        """Return after some seconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is looked, and when files count as written; all in seconds."""

    poll: float = 2.0
    """Between two looks."""
    quiet: float = 4.0
    """Files that have not changed for so long, seen by two looks, are complete."""
    old: float = 60.0
    """Files that last changed so long ago need no second look. An incomplete checkpoint that has
    not changed for so long no longer holds up those after it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which checkpoints are evaluated."""

    every: int = 1
    """Only steps that this number divides."""
    until: int | None = None
    """The last step."""
    latest: bool = False
    """Whether the newest one goes first, and the others that wait are skipped."""

    def takes(self, step: int) -> bool:
        """Whether checkpoints of this step are evaluated."""
        return step % self.every == 0 and (self.until is None or step <= self.until)
