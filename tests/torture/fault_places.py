"""Where a fault happens: a store of its own, the real command line, and what must hold after."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kills import Reference, Scenario
from real_runs import Run, contents, role, table


class ImpossibleError(Exception):
    """This machine or user cannot make the fault happen."""


@dataclass
class Place:
    """Where a fault happens."""

    folder: Path
    expected: Reference
    scenario: Scenario
    wrong: list[str] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """The store."""
        return self.folder / "store"

    def start(self, *, prefix: Sequence[str] = (), extra: Sequence[str] = (), **env: str) -> Run:
        """Start the scenario's command."""
        arguments = [*self.scenario.arguments(self.out), *extra]
        return Run(arguments, self.folder.with_name(f"{self.folder.name}-work"), env, (*prefix,))

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong."""
        if not holds:
            self.wrong.append(otherwise)

    def ended(self, run: Run, codes: Sequence[int], words: str = "") -> str:
        """Check how a run ended; the line that says so."""
        code, text = run.wait(), run.text
        # Long lines are not wrapped; what a run says last is in one line.
        said = [line.strip() for line in text.splitlines() if words and words in line]
        self.expect(code in codes, f"exit code {code}: {text[-800:]}")
        self.expect(bool(said) or not words, f"does not say {words!r}: {text[-800:]}")
        self.expect("Traceback" not in text, "a traceback")
        self.expect(not run.strays(), "left processes")
        run.end()
        if self.out.exists():
            self.expect(not contents(self.out).unreadable, "half records")
        line = (said or [""])[-1]
        return f"exit code {code}; {line}" if line else f"exit code {code}"

    def completes(self) -> None:
        """Run the same command again, and compare with the undisturbed run."""
        run = self.start()
        self.ended(run, [0])
        self.same()

    def same(self) -> None:
        """Compare the store with that of the undisturbed run."""
        found = contents(self.out, exact=self.scenario.exact)
        self.expect(found.records == self.expected.contents.records, "records differ")
        self.expect(set(found.jobs.values()) == {1}, f"scores a job: {found.jobs}")
        self.expect(not found.leavings, f"left {found.leavings}")
        self.expect(table(self.out) == self.expected.table, "the table differs")


def until(run: Run, happens: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait for something to happen while a run goes on.

    Raises:
        TimeoutError: If it does not.
    """
    deadline = time.monotonic() + seconds
    while not happens():
        if run.process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"the moment never came: {run.text[-800:]}")
        time.sleep(0.01)


def in_job(place: Place) -> bool:
    """Whether a worker has begun a job."""
    return any(path.is_dir() for path in place.out.glob(".work/*-*"))


def worker(run: Run) -> int:
    """The run's worker; waits for it."""
    found: list[int] = []

    def look() -> list[int]:
        found[:] = [pid for pid in run.family() if role(pid) == "worker"]
        return found

    until(run, look)
    return found[0]


@contextmanager
def small_disk(place: Place, megabytes: int) -> Iterator[None]:
    """A file system of its own for the place."""
    place.folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place.folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise ImpossibleError("a file system can be mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place.folder)], check=True)
