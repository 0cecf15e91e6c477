"""Hostile and honest programs in the sandbox, each against the same honest tests.

The task is to add up numbers. Every hostile program gives the right answer only where its attempt
succeeded, so a pass is an escape. Around them stand things that must stay whole: a secret file, a
server, an abstract socket, a process. ``python tests/torture/hostile_programs.py`` writes
``reports/torture/programs.{json,md}``.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from evalsuite.sandbox.sandbox import GRACE, Sandbox, probe

HERE = Path(__file__).parent
HOSTILE = sorted((HERE / "programs" / "hostile").glob("*.py"))
HONEST = sorted((HERE / "programs" / "honest").glob("*.py"))
REPORTS = HERE.parents[1] / "reports" / "torture"
SECONDS = 2.0
"""Clock of a hostile program; on a slow machine it grows as that of the sandbox does."""
SLACK = 3.0
"""Seconds that starting and killing may take beside the clock."""
MARK = "evalsuite-escape"
"""In the name of every file that a program tries to make outside."""
WATCHED = (Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/usr"), Path.home())


@dataclass(frozen=True)
class World:
    """What a hostile program is aimed at."""

    secret: Path
    port: int
    victim: subprocess.Popen[bytes]
    arrived: list[bytes]
    """What came in at the server and the abstract socket."""

    @property
    def names(self) -> str:
        """Python source that tells a program where its targets are."""
        told = {"SECRET": str(self.secret), "PORT": self.port, "VICTIM": self.victim.pid}
        return "".join(f"{key} = {value!r}\n" for key, value in {**told, "MARK": MARK}.items())


@dataclass(frozen=True)
class Finding:
    """One program, and what was seen."""

    name: str
    hostile: bool
    tries: str
    holds: str
    outcome: str
    detail: str
    seconds: float
    harm: tuple[str, ...]
    """What was not as it had to be; empty where all is well."""


@contextmanager
def world() -> Iterator[World]:
    """Targets, for as long as programs run; this process inherits whatever outlives them."""
    inherit_orphans(True)
    with (
        tempfile.TemporaryDirectory(prefix="evalsuite-world-") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        subprocess.Popen(["sleep", "3600"]) as victim,
    ):
        secret = Path(folder) / "secret.txt"
        secret.write_text("sk-secret", encoding="ascii")
        abstract.bind(f"\0{MARK}-{os.getpid()}")
        abstract.listen()
        arrived: list[bytes] = []
        for listener in (server, abstract):
            threading.Thread(target=_listen, args=(listener, arrived), daemon=True).start()
        try:
            yield World(secret, server.getsockname()[1], victim, arrived)
        finally:
            inherit_orphans(False)
            victim.kill()
            for listener in (server, abstract):
                listener.shutdown(socket.SHUT_RDWR)


def inherit_orphans(wanted: bool) -> None:
    """Whether this process becomes the parent of those whose own parent has ended."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, int(wanted), 0, 0, 0)


def _listen(listener: socket.socket, arrived: list[bytes]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(1)
        with connection:
            arrived.append(connection.recv(100))


def run(path: Path, around: World, box: Sandbox, seed: int = 0) -> Finding:
    """Run one program and look at the world afterwards."""
    hostile = path.parent.name == "hostile"
    text = path.read_text(encoding="utf-8")
    clock = box.seconds * SECONDS / 10 if hostile else box.seconds
    before, there = _state(), _children()
    started = time.perf_counter()
    done = Sandbox(box.bwrap, clock).run(around.names + text, _tests(seed), entry="solve")
    seconds = time.perf_counter() - started
    harm = _harm(around, before, there)
    if hostile and done.outcome in ("passed", "error"):
        harm.append(f"outcome {done.outcome}")
    if not hostile and done.outcome != "passed":
        harm.append(f"an honest program: {done.outcome}: {done.detail}")
    if seconds > clock + GRACE + SLACK:
        harm.append(f"held up the run for {seconds:.1f} s")
    tries, holds = (line.partition(": ")[2] for line in text.splitlines()[:2])
    return Finding(
        name=path.stem,
        hostile=hostile,
        tries=tries,
        holds=holds if hostile else "passes",
        outcome=done.outcome,
        detail=done.detail,
        seconds=round(seconds, 2),
        harm=tuple(harm),
    )


def _tests(seed: int) -> str:
    """Honest tests whose numbers nobody can foresee: ``solve(numbers)`` is their sum."""
    draw = random.Random(seed)
    lists = [[draw.randint(-999, 999) or 7 for _ in range(draw.randint(2, 9))] for _ in range(6)]
    asserts = "\n".join(f"numbers = {n}\nassert solve(numbers) == {sum(n)}" for n in lists)
    # Here the right side is computed after the call, from a list that a program may have changed.
    return f"{asserts}\nnumbers = [3, 4]\nassert solve(numbers) == sum(numbers)\n"


def _state() -> dict[str, object]:
    files = [str(p) for folder in WATCHED for p in folder.glob(f"*{MARK}*")]
    files += [str(p) for p in Path("/dev/shm").iterdir()]
    segments = Path("/proc/sysvipc/shm")
    return {
        "files": sorted(files),
        "shared memory": len(segments.read_text().splitlines()) if segments.exists() else 0,
    }


def _harm(around: World, before: dict[str, object], there: set[int]) -> list[str]:
    harm = []
    deadline = time.monotonic() + SLACK
    # Other tests of this process may have left some that live longer than they do.
    while (left := _children() - there) and time.monotonic() < deadline:
        time.sleep(0.02)
    if left:
        harm.append(f"left {len(left)} processes behind")
    if around.victim.poll() is not None:
        harm.append("killed another process")
    if around.secret.read_text() != "sk-secret" or len(list(around.secret.parent.iterdir())) != 1:
        harm.append("changed the user's files")
    if around.arrived:
        harm.append("reached a server")
    if (after := _state()) != before:
        harm.append(f"left files or memory behind: {after}")
    return harm


def _children() -> set[int]:
    """Processes below this one; those that have ended are taken off the system's list."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, state, parent = int(entry.parent.name), fields[0], int(fields[1])
        if state == "Z" and parent == os.getpid():
            os.waitpid(pid, os.WNOHANG)
        elif state != "Z":
            parents[pid] = parent
    found: set[int] = set()
    fresh = {os.getpid()}
    while fresh := {pid for pid, parent in parents.items() if parent in fresh} - found:
        found |= fresh
    return found


def run_all(box: Sandbox) -> list[Finding]:
    """All programs, one after the other."""
    with world() as around:
        return [run(path, around, box, seed) for seed, path in enumerate((*HOSTILE, *HONEST))]


def write(findings: list[Finding], folder: Path) -> str:
    """Write the report; return its figures as one line."""
    hostile = [f for f in findings if f.hostile]
    honest = [f for f in findings if not f.hostile]
    held, passed = (sum(not f.harm for f in group) for group in (hostile, honest))
    line = (
        f"{held} of {len(hostile)} hostile programs contained; "
        f"{passed} of {len(honest)} honest programs passed"
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows = [asdict(finding) for finding in findings]
    text = json.dumps({"figures": line, "programs": rows}, indent=1) + "\n"
    (folder / "programs.json").write_text(text, encoding="utf-8")
    table = "\n".join(
        f"| {f.name} | {f.tries} | {f.holds} | {f.outcome} | {f.seconds:.1f} | "
        f"{'; '.join(f.harm) or 'none'} |"
        for f in findings
    )
    (folder / "programs.md").write_text(
        f"# Programs in the sandbox\n\n{line}. No process, file or shared memory was left behind "
        f"where the last column says none.\n\n"
        "| program | tries | must hold | outcome | seconds | harm |\n|---|---|---|---|---|---|\n"
        f"{table}\n",
        encoding="utf-8",
    )
    return line


def main() -> int:
    """Run everything and print the figures."""
    box = probe()
    if isinstance(box, str):
        sys.stderr.write(f"not run: {box}\n")
        return 1
    findings = run_all(box)
    for finding in findings:
        if finding.harm:
            sys.stdout.write(f"{finding.name}: {'; '.join(finding.harm)} ({finding.detail})\n")
    sys.stdout.write(write(findings, REPORTS) + "\n")
    return int(any(finding.harm for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
