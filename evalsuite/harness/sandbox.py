"""Running generated code where it can do no harm: bubblewrap, or not at all.

A program sees a read-only system without the user's files, an empty ``/tmp``, no network, no
other processes and no environment; memory, processor time, file size and wall time are limited.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from evalsuite.errors import TaskSkipped

Outcome = Literal["passed", "failed", "timeout", "error"]

MEMORY = 1 << 30
"""Bytes of address space."""
PROCESSES = 64
FILE_BYTES = 16 << 20
TMP_BYTES = 64 << 20
SECONDS = 10.0
"""Wall time of one program on an idle machine (the timeout of HumanEvalSynthesize)."""
GRACE = 2.0
"""Seconds after which a program that ignores its alarm is killed from outside."""
ALARM = 128 + signal.SIGALRM
"""Exit code of bubblewrap when the alarm ended the program."""
IDLE_START = 0.5
"""Seconds that an empty program takes on a machine that is not overloaded, at most."""

MISSING = "code is only run in a sandbox; install bubblewrap (apt-get install bubblewrap)"

DRIVER = r"""
import json, os, resource, signal, sys
lines = os.fdopen(0, "r")
job = json.loads(lines.readline())
for name, most in job["limits"].items():
    resource.setrlimit(getattr(resource, name), (most, most))
signal.setitimer(signal.ITIMER_REAL, job["seconds"])
report = os.dup(1)
null = os.open(os.devnull, os.O_RDWR)
os.dup2(null, 1)
os.dup2(null, 2)
space = {"__name__": "__main__"}
try:
    exec(compile(job["program"], "program", "exec"), space)
    exec(compile(job["tests"], "tests", "exec"), space)
except BaseException as error:
    text = "%s: %s" % (type(error).__name__, error)
    os.write(report, json.dumps({"failed": text[:300]}).encode("ascii"))
    os._exit(1)
nonce = lines.readline().strip()
os.write(report, json.dumps({"passed": nonce}).encode("ascii"))
os._exit(0)
"""
"""Runs the program, then the tests, then reports.

The nonce that proves success waits unread in the input until the tests are over: exiting early,
with whatever code, or printing gives no pass. A program written to cheat this very driver could;
tests that run in one process with what they test can always be cheated by it.
"""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of one program."""

    outcome: Outcome
    detail: str = ""
    """The exception that ended it, or what is wrong with the sandbox."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that was seen to work.

    Attributes:
        bwrap: Path of the ``bwrap`` program.
        seconds: Wall time for one program, stretched on a slow or busy machine.
    """

    bwrap: str
    seconds: float = SECONDS

    def run(self, program: str, tests: str) -> RunResult:
        """Run a program and then its tests.

        Args:
            program: Python source.
            tests: Python source, run in the same module; any exception is a failure.

        Returns:
            ``passed`` only if the tests were run to their end.
        """
        nonce = secrets.token_hex(16)
        limits = {
            "RLIMIT_AS": MEMORY,
            "RLIMIT_CPU": int(self.seconds) + 1,
            "RLIMIT_FSIZE": FILE_BYTES,
            "RLIMIT_NPROC": PROCESSES,
            "RLIMIT_CORE": 0,
        }
        job = json.dumps(
            {"program": program, "tests": tests, "limits": limits, "seconds": self.seconds}
        )
        try:
            done = subprocess.run(
                [*_isolation(self.bwrap), _python(), "-I", "-S", "-c", DRIVER],
                input=f"{job}\n{nonce}\n".encode("ascii"),
                capture_output=True,
                timeout=self.seconds + GRACE,
                check=False,
                close_fds=True,
            )
        except subprocess.TimeoutExpired:
            return self._timeout()
        except OSError as error:
            return RunResult("error", f"{self.bwrap}: {error.strerror}")
        if done.returncode in (ALARM, -signal.SIGALRM):
            return self._timeout()
        return _judge(done, nonce)

    def _timeout(self) -> RunResult:
        return RunResult("timeout", f"no end within {self.seconds:.0f} s")


def _judge(done: subprocess.CompletedProcess[bytes], nonce: str) -> RunResult:
    complaint = done.stderr.decode("utf-8", "replace").strip()
    if complaint.startswith("bwrap:"):
        return RunResult("error", complaint.splitlines()[0])
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = None
    if not isinstance(report, dict):
        return RunResult("failed", f"ended early with exit code {done.returncode}")
    if done.returncode == 0 and secrets.compare_digest(str(report.get("passed")), nonce):
        return RunResult("passed")
    return RunResult("failed", str(report.get("failed", "no proof that the tests were run")))


def _python() -> str:
    """The interpreter itself, not a virtual environment's link to it."""
    return str(Path(sys.executable).resolve())


def _isolation(bwrap: str) -> list[str]:
    system = {Path("/usr"), Path("/lib"), Path("/lib64"), Path("/bin"), Path("/etc/ld.so.cache")}
    system |= {Path(_python()).parents[1], Path(sysconfig.get_paths()["stdlib"])}
    binds: list[str] = []
    for path in sorted(system, key=lambda p: len(p.parts)):
        binds += ["--ro-bind-try", str(path), str(path)]
    return [
        bwrap,
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        *("--cap-drop", "ALL"),
        *("--hostname", "sandbox"),
        *binds,
        *("--dev", "/dev"),
        *("--size", str(TMP_BYTES), "--tmpfs", "/tmp"),  # noqa: S108 - inside the sandbox
        *("--chdir", "/tmp"),  # noqa: S108 - inside the sandbox
    ]


@cache
def probe() -> Sandbox | str:
    """Try the sandbox once.

    Returns:
        A sandbox whose time limit fits this machine, or why there is none.
    """
    if os.name != "posix" or (bwrap := shutil.which("bwrap")) is None:
        return MISSING
    trial = Sandbox(bwrap, seconds=6 * SECONDS)
    started = time.perf_counter()
    good = trial.run("x = 1", "assert x == 1")
    took = time.perf_counter() - started
    if good.outcome != "passed":
        return f"code is only run in a sandbox, and bubblewrap does not work here: {good.detail}"
    if trial.run("raise SystemExit(0)", "pass").outcome != "failed":
        return "code is only run in a sandbox, and bubblewrap does not work here as it should"
    return Sandbox(bwrap, seconds=SECONDS * max(1.0, took / IDLE_START))


def why_unavailable() -> str | None:
    """Why code cannot be run here; ``None`` where it can."""
    found = probe()
    return found if isinstance(found, str) else None


def require_sandbox() -> Sandbox:
    """The sandbox.

    Raises:
        TaskSkipped: If there is none, with the reason.
    """
    found = probe()
    if isinstance(found, str):
        raise TaskSkipped(found)
    return found
