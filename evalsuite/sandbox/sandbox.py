"""Running generated code where it can do no harm: bubblewrap, or not at all.

A program sees a read-only system without the user's files, an empty ``/tmp``, no network, no
other processes and no environment; memory, processor time, file size, processes and wall time are
limited. The tests run in another sandbox: the program is asked to compute, one call at a time,
and cannot reach what compares its answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO, Literal

from evalsuite.errors import TaskSkipped
from evalsuite.sandbox.bubblewrap import MISSING, advice, programs
from evalsuite.sandbox.inside.checker import BEGAN
from evalsuite.sandbox.isolation import command, exposed, filter_handle, supported

Stream = int | BinaryIO
Outcome = Literal["passed", "failed", "timeout", "error"]

MEMORY = 1 << 30
"""Bytes of address space."""
SECONDS = 10.0
"""Wall time of one program on an idle machine (the timeout of HumanEvalSynthesize)."""
GRACE = 2.0
"""Seconds after which tests that outlive their clock are killed from outside."""
ALARM = 128 + signal.SIGALRM
"""Exit code of bubblewrap when the clock ended the tests."""
KILLED = frozenset({-signal.SIGKILL, 128 + signal.SIGKILL})
"""Exit codes of bubblewrap when it was killed, or what it shuts in."""
UNANSWERED = BEGAN + b'{"ended"', BEGAN + b'{"error"'
"""How a verdict begins where the program's process was gone."""
TRIES = 3
"""Times that a program is run whose sandbox is killed: by a machine without memory, say."""
IDLE_START = 0.5
"""Seconds that an empty program takes on a machine that is not overloaded, at most."""
LIMITS = {
    "RLIMIT_AS": MEMORY,
    "RLIMIT_FSIZE": 16 << 20,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_NPROC": 64,
    "RLIMIT_CORE": 0,
    "RLIMIT_MEMLOCK": 0,
}

UNKNOWN_MACHINE = "code is only run in a sandbox, which there is for Linux on x86-64 and Arm only"


ESCAPE = """
import os
def f():
    os.fork()
"""
"""Must fail: a program that can fork is not shut in."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of one program."""

    outcome: Outcome
    detail: str = ""
    """The exception that ended it, or what is wrong with the sandbox."""
    killed: bool = False
    """Whether a side of the sandbox was killed, from outside or by the program."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that was seen to work.

    Attributes:
        bwrap: Path of the ``bwrap`` program.
        seconds: Wall time for one program, stretched on a slow or busy machine.
    """

    bwrap: str
    seconds: float = SECONDS

    def run(self, program: str, tests: str, *, entry: str, given: str = "") -> RunResult:
        """Run a program, and test one of its functions.

        What is killed is run again: where a program does it to itself, it comes to the same.

        The tests see plain values only: numbers, texts, containers of them, exceptions. Where the
        function gives ``None``, changes that it made to its arguments are theirs too.

        Args:
            program: Untrusted Python source.
            tests: Python source of the task; any exception is a failure.
            entry: Name of the function under test.
            given: Python source of the task that the tests may use, besides the function.

        Returns:
            ``passed`` only if the tests were run to their end.
        """
        limits = LIMITS | {"RLIMIT_CPU": int(self.seconds) + 1}
        job = {
            "program": {"program": program, "entry": entry, "limits": limits},
            "tests": tests,
            "entry": entry,
            "given": given,
            "limits": limits,
            "seconds": self.seconds,
        }
        for _ in range(TRIES):
            try:
                with ExitStack() as stack:
                    result = self._run(job, stack)
            except OSError as error:
                return RunResult("error", f"{self.bwrap}: {error.strerror}")
            if not result.killed:
                break
        return result

    def _run(self, job: dict[str, object], stack: ExitStack) -> RunResult:
        asked, ask = _pipe(stack)
        hear, said = _pipe(stack)
        answerer = self._start(stack, "answerer", (), stdin=asked, stdout=said)
        handles = (ask.fileno(), hear.fileno())
        checker = self._start(
            stack, "checker", handles, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for end in (asked, ask, hear, said):
            end.close()  # so that each side notices when the other has ended
        line = json.dumps(job | {"ask": handles[0], "hear": handles[1]}) + "\n"
        try:
            verdict, complaint = checker.communicate(
                line.encode("ascii"), timeout=self.seconds + GRACE
            )
        except subprocess.TimeoutExpired:
            return self._timeout()
        if checker.returncode in (ALARM, -signal.SIGALRM):
            return self._timeout()
        if verdict.startswith(UNANSWERED):
            # Its pipe closes a moment before it is gone.
            with suppress(subprocess.TimeoutExpired):
                answerer.wait(GRACE)
        ended = answerer.poll()
        answerer.kill()
        # Neither the tests nor bubblewrap itself are in the program's reach.
        if checker.returncode in KILLED or ended == -signal.SIGKILL:
            return RunResult("error", "the sandbox was killed from outside", killed=True)
        complaint = complaint or answerer.communicate()[1]
        return replace(_judge(verdict, complaint, checker.returncode), killed=ended in KILLED)

    def _start(
        self, stack: ExitStack, module: str, handles: tuple[int, ...], stdin: Stream, stdout: Stream
    ) -> subprocess.Popen[bytes]:
        """Start one side; it is gone when the stack is left."""
        with filter_handle() as calls:
            process = subprocess.Popen(
                command(self.bwrap, module, calls),
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                pass_fds=(calls, *handles),
            )
        # Popen's own exit closes the streams and waits, after the process was killed.
        stack.enter_context(process)
        stack.callback(process.kill)
        return process

    def _timeout(self) -> RunResult:
        return RunResult("timeout", f"no end within {self.seconds:.0f} s")


def _pipe(stack: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    reader, writer = os.pipe()
    ends = os.fdopen(reader, "rb"), os.fdopen(writer, "wb")
    for end in ends:
        stack.enter_context(end)
    return ends


def _judge(verdict: bytes, complaint: bytes, code: int) -> RunResult:
    said = complaint.decode("utf-8", "replace").strip()
    if said.startswith("bwrap:"):
        return RunResult("error", said.splitlines()[0])
    if not verdict.startswith(BEGAN):
        reason = said.splitlines()[-1] if said else f"exit code {code}"
        return RunResult("error", f"the tests did not begin: {reason}")
    try:
        found = json.loads(verdict.removeprefix(BEGAN))
    except ValueError:
        return RunResult("failed", f"the tests ended early with exit code {code}")
    if "error" in found:
        return RunResult("error", f"{found['error']}: {said}" if said else found["error"])
    if "passed" in found:
        return RunResult("passed")
    why = found.get("failed") or found.get("ended")
    return RunResult("failed", " ".join(str(why).split()))


@cache
def probe() -> Sandbox | str:
    """Try the sandbox once.

    Returns:
        A sandbox whose time limit fits this machine, or why there is no sandbox.
    """
    if not supported():
        return UNKNOWN_MACHINE
    if (reason := exposed()) is not None:
        return f"code is only run in a sandbox, and in it {reason}"
    found: Sandbox | str = MISSING
    for bwrap in programs():
        found = _tried(bwrap)
        if isinstance(found, Sandbox):
            break
    return found


def _tried(bwrap: str) -> Sandbox | str:
    """The sandbox of one ``bwrap`` program, or why it does not work."""
    trial = Sandbox(bwrap, seconds=6 * SECONDS)
    started = time.perf_counter()
    good = trial.run("def f(): return 1", "assert f() == 1", entry="f")
    took = time.perf_counter() - started
    if good.outcome != "passed":
        return (
            "code is only run in a sandbox, and bubblewrap does not work here: "
            f"{good.detail}; {advice(good.detail)}"
        )
    escape = trial.run(ESCAPE, "f()", entry="f")
    if escape.outcome != "failed":
        return (
            "code is only run in a sandbox, and bubblewrap does not work here as it should: "
            f"a program that forks is {escape.outcome} {escape.detail}".rstrip()
        )
    return Sandbox(bwrap, seconds=SECONDS * max(1.0, took / IDLE_START))


def why_unavailable() -> str | None:
    """Why code cannot be run here; ``None`` where it can."""
    found = probe()
    return found if isinstance(found, str) else None


def require_sandbox() -> Sandbox:
    """The sandbox.

    Raises:
        TaskSkipped: If there is no sandbox, with the reason.
    """
    found = probe()
    if isinstance(found, str):
        raise TaskSkipped(found)
    return found
