"""Runs of the real command line that can be disturbed, and what is left of them afterwards."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from evalsuite.paths import cache_dir
from evalsuite.schema import Record

TAG = "EVALSUITE_TORTURE"
"""In the environment of a run and of all that it starts; how its processes are found again."""
TIMES = {"created", "timings", "date", "evaluation_time", "total_evaluation_time_seconds"}
"""Keys whose values are times; everything else of a record is compared."""
DIGITS = 5
"""Of a number that need not be the same to the bit."""
SECONDS = 900.0
"""No run here takes longer unless it hangs."""
LEAVE_SECONDS = 5.0
"""How soon after a run's end its last process must be gone."""


@dataclass
class Run:
    """One run of the command line, in a session of its own."""

    arguments: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    """Put before the command, such as ``prlimit``."""

    def __post_init__(self) -> None:
        self.tag = uuid.uuid4().hex
        self.folder.mkdir(parents=True, exist_ok=True)
        self.output = self.folder / f"{self.tag}.txt"
        self.started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "evalsuite.cli", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={
                    **os.environ,
                    "HF_HUB_OFFLINE": "1",
                    "EVALSUITE_CACHE": str(own_cache(self.folder)),
                    TAG: self.tag,
                    **self.environment,
                },
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """All that it has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds: float = SECONDS) -> int:
        """Its exit code.

        Raises:
            TimeoutError: If it hangs; it is ended then.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise TimeoutError(f"no end after {seconds:.0f} s: {self.text[-2000:]}") from None

    def family(self) -> list[int]:
        """The run's first process and all below it, oldest first."""
        return descendants(self.process.pid) if self.process.poll() is None else []

    def strays(self, known: Iterable[int] = ()) -> set[int]:
        """What is left of a run that has ended; waits for the last to go.

        Args:
            known: Processes that it had; others are found by their tag.
        """
        deadline = time.monotonic() + LEAVE_SECONDS
        while True:
            # A process that is ending has lost its environment before it is gone.
            left = {*_tagged(self.tag), *filter(_alive, known)}
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.05)

    def end(self) -> None:
        """Kill all that is left of it."""
        for pid in {*self.family(), *_tagged(self.tag)}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def own_cache(folder: Path) -> Path:
    """A cache with the checkpoints of the user's, and vectors of its own: none are there yet."""
    own = folder / "cache"
    own.mkdir(exist_ok=True)
    for entry in cache_dir().glob("*"):
        link = own / entry.name
        if entry.name != "vectors" and not link.is_symlink():
            link.symlink_to(entry.absolute())
    return own


def descendants(leader: int) -> list[int]:
    """A process and all below it; those that have ended but are not waited for are left out."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(entry.parent.name)] = int(fields[1])
    found = [leader] if leader in parents else []
    for pid in found:
        found.extend(sorted(child for child, parent in parents.items() if parent == pid))
    return found


def role(pid: int) -> str:
    """What a process of a run does, by its command line; ``gone`` where it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    if not _alive(pid):
        return "gone"  # not yet waited for by its parent, perhaps
    if not words[0]:
        return "starting"  # its program is being loaded
    line = " ".join(words)
    if "evalsuite.run.workers.warm_process" in line:  # it, or a copy, which names itself
        named = Path(f"/proc/{pid}/comm").read_text("ascii").strip()
        roles = {"worker": "worker", "harness_process": "harness"}
        return roles.get(named, "warm process")
    known = {
        "evalsuite.cli": "command",
        "evalsuite.run.workers.worker": "worker",
        "bwrap": "sandbox",
        "multiprocessing": "multiprocessing helper",
    }
    return next((name for part, name in known.items() if part in line), Path(words[0]).name)


def _alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def _tagged(tag: str) -> list[int]:
    """Processes with a tag in their environment; sandboxes have none, but die with their parent."""
    needle = f"{TAG}={tag}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if needle in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


@cache
def revision() -> str:
    """Commit of the code that runs, with ``+`` where files that git knows differ from it."""
    commit = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    done = subprocess.run(
        commit, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return done.stdout.strip() or "not in git"


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent was killed, so that none hides."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def impersonal(text: str, folder: Path) -> str:
    """Text for a report, without the places of this machine; ``folder`` is where the runs lie."""
    root = Path(__file__).parents[2]
    names = {folder: "…", Path(sys.prefix): "…", root: "…", Path.home(): "~"}
    for place in sorted(names, key=lambda place: -len(str(place))):
        text = text.replace(str(place), names[place])
    return text


@dataclass(frozen=True)
class Contents:
    """All that a store holds."""

    records: dict[str, str]
    """What each record says, times left out, as canonical JSON; by file."""
    bytes: dict[str, str]
    """SHA-256 of each scored record's file as it is."""
    jobs: dict[str, int]
    """Scored records of each job."""
    unreadable: tuple[str, ...]
    """Files that are no whole record, or whose samples are missing or not as recorded."""
    leavings: tuple[str, ...]
    """Half-written files, and folders and locks of unfinished jobs."""


def contents(root: Path, *, exact: bool = True) -> Contents:
    """Read a store without evalsuite's own reader, every file that is not hidden.

    Args:
        root: The store.
        exact: Whether records have to be the same to the bit. Otherwise numbers count to
            ``DIGITS`` digits, and the samples' hashes not at all: vLLM's last bits depend on
            which prompts share a batch.
    """
    records, raw, unreadable = {}, {}, []
    jobs: dict[str, int] = {}
    for path in sorted(root.glob("[!.]*/[!.]*.json")):
        name = str(path.relative_to(root))
        try:
            data = path.read_bytes()
            record = Record.model_validate_json(data)
            if record.samples is not None:
                samples = (path.parent / record.samples.file).read_bytes()
                if hashlib.sha256(samples).hexdigest() != record.samples.sha256:
                    unreadable.append(f"{name}: samples do not have their hash")
        except (OSError, ValueError) as error:
            unreadable.append(f"{name}: {type(error).__name__}")
            continue
        plain = _timeless(json.loads(data))
        if not exact:
            plain = _rounded(plain)
        records[name] = json.dumps(plain, sort_keys=True, ensure_ascii=False)
        if record.status == "scored":
            raw[name] = hashlib.sha256(data).hexdigest()
            job = f"{record.checkpoint.fingerprint[:8]} {record.signature.plan_key[:16]}"
            jobs[job] = jobs.get(job, 0) + 1
    left = [*root.rglob(".*.tmp"), *root.rglob("*.tmp"), *root.glob(".work/*-*")]
    leavings = tuple(sorted({str(path.relative_to(root)) for path in left}))
    return Contents(records, raw, jobs, tuple(unreadable), leavings)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items() if key != "sha256"}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def table(store: Path, form: str = "csv") -> str:
    """What ``evalsuite table`` makes of a store."""
    command = [sys.executable, "-m", "evalsuite.cli", "table", "--out", str(store)]
    done = subprocess.run(
        [*command, "--suite", "smoke", "--format", form],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr}"
