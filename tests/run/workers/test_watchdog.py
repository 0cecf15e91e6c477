"""A worker that makes no progress is ended; one that computes, or waits for another run, is not."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import LocalExecutor, WorkerOutcome, listen
from evalsuite.run.workers.watch import BUSY_FACTOR, LOOKS, Watch, processor_work

PATIENCE = 600.0
READY = '{"event": "engine_ready", "engine": "e 1", "seconds": 1}'
STARTED = '{"event": "job_started", "job": "0"}'
PROGRESS = events.JobProgress(job="0", done=1, total=9, unit="texts")


def watch(used: Callable[[int], float], runnable: bool = False) -> Watch:
    """Watches a process that has used so many seconds at the n-th look."""
    looks = count()
    return Watch(os.getpid(), PATIENCE, work=lambda _: (used(next(looks)), runnable))


def idle(_: int) -> float:
    return 7.0


def test_a_worker_that_does_nothing_has_stalled() -> None:
    watched = watch(idle)
    assert watched.interval * LOOKS == PATIENCE
    # The first look is what the later ones are compared with.
    assert [watched.look() for _ in range(LOOKS)] == [None] * LOOKS
    assert watched.look() == "the engine's process has done nothing for 600 s"


def test_threads_that_poll_are_no_work() -> None:
    watched = watch(lambda look: look * 0.001 * PATIENCE / LOOKS)
    assert "nothing" in next(filter(None, (watched.look() for _ in range(LOOKS + 1))), "")


def test_a_silent_worker_that_computes_has_not_stalled_but_even_that_has_an_end() -> None:
    watched = watch(lambda look: look * PATIENCE / LOOKS)
    assert not any(watched.look() for _ in range(LOOKS * BUSY_FACTOR - 1))
    assert watched.look() == "the engine's process has been busy for 7,200 s without a result"


def test_a_worker_that_waits_for_its_turn_on_a_busy_machine_has_not() -> None:
    watched = watch(idle, runnable=True)
    assert not any(watched.look() for _ in range(5 * LOOKS))


def test_without_proc_only_long_silence_counts() -> None:
    watched = Watch(os.getpid(), PATIENCE, work=lambda _: None)
    assert not any(watched.look() for _ in range(LOOKS * BUSY_FACTOR - 1))
    assert watched.look() is not None


def test_waiting_for_another_run_may_take_long() -> None:
    watched = watch(idle)
    watched.on_event(events.JobWaiting(job="0"))
    assert not any(watched.look() for _ in range(LOOKS * BUSY_FACTOR + 1))
    watched.on_event(events.JobStarted(job="0"))
    assert any(watched.look() for _ in range(LOOKS + 1))


def test_progress_is_a_sign_of_life() -> None:
    watched = watch(idle)
    for _ in range(5):
        assert not any(watched.look() for _ in range(LOOKS))
        watched.on_event(PROGRESS)


@pytest.fixture
def family() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream:
                stream.close()


def start(code: str, family: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """A real process that speaks a worker's language."""
    program = "import os, subprocess, sys, time\nsay = lambda line: print(line, flush=True)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", program + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    family.append(child)
    return child


COMPUTE = "while True: pass"
BELOW = "subprocess.run([sys.executable, '-c', 'while True: pass'])"


@pytest.mark.parametrize("code", [COMPUTE, BELOW])
def test_what_a_process_and_its_children_use_is_seen(
    code: str, family: list[subprocess.Popen[bytes]]
) -> None:
    """An engine is a process of its own with vLLM."""
    child = start(code, family)
    used = 0.0
    while used < 0.3:
        work = processor_work(child.pid)
        assert work is not None
        used, runnable = work
    # ``True`` now or at another look: between two commands nothing may be ready to run.
    while not runnable:
        _, runnable = processor_work(child.pid) or (0.0, False)


def test_a_process_that_sleeps_uses_nothing(family: list[subprocess.Popen[bytes]]) -> None:
    child = start(f"say('{READY}'); time.sleep(600)", family)
    assert child.stdout is not None
    child.stdout.readline()
    while processor_work(child.pid) != (before := processor_work(child.pid)) or before[1]:  # type: ignore[index]
        time.sleep(0.01)
    time.sleep(0.1)
    assert processor_work(child.pid) == before


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of a system call")
def test_a_process_that_waits_for_storage_is_at_work(family: list[subprocess.Popen[bytes]]) -> None:
    """In state D, as while weights are read from a slow disk; here a child that shares its memory
    holds it there (vfork(2))."""
    child = start(
        """
        import ctypes
        libc = ctypes.CDLL(None)
        stack = ctypes.create_string_buffer(1 << 16)
        vfork, share_memory = 0x4000, 0x100
        libc.clone(libc.pause, ctypes.byref(stack, 1 << 15), vfork | share_memory | 17, None)
        """,
        family,
    )
    stat = Path(f"/proc/{child.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "D":
        time.sleep(0.01)
        assert child.poll() is None
    before = processor_work(child.pid)
    time.sleep(0.1)
    assert processor_work(child.pid) == before
    assert before is not None
    assert before[1], "it uses no processor, and is at work"


@pytest.mark.parametrize(
    "code", [f"say('{READY}'); say('{STARTED}'); time.sleep(600)", "os.kill(os.getpid(), 19)"]
)
def test_a_real_worker_that_sleeps_or_is_stopped_has_stalled(
    code: str, family: list[subprocess.Popen[bytes]]
) -> None:
    child, outcome = start(code, family), WorkerOutcome()
    listen(child, Watch(child.pid, patience=0.3), outcome, lambda _: None)
    assert outcome.stall is not None
    assert "done nothing" in outcome.stall
    assert child.poll() is None


def test_a_dead_worker_is_noticed_though_its_child_holds_the_pipe(
    family: list[subprocess.Popen[bytes]],
) -> None:
    code = f"""
    say('{STARTED}')
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), 9)
    """
    child, outcome = start(code, family), WorkerOutcome()
    # Looks every 0.1 s, and would call it a stall after a quarter of an hour.
    patient = Watch(child.pid, patience=0.1 * LOOKS, work=lambda _: None)
    listen(child, patient, outcome, lambda _: None)
    os.killpg(child.pid, signal.SIGKILL)
    assert outcome.stall is None
    assert child.wait() == -signal.SIGKILL


def test_patience_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LocalExecutor().patience == 600
    monkeypatch.setenv("EVALSUITE_PATIENCE", "3600")
    assert LocalExecutor().patience == 3600
    for wrong in ("", "soon", "0", "-5", "inf", "nan"):
        monkeypatch.setenv("EVALSUITE_PATIENCE", wrong)
        with pytest.raises(UsageError, match="seconds, 1 or more"):
            LocalExecutor()


def test_an_orphaned_worker_ends_at_once(tmp_path: Path) -> None:
    """Whoever started it has died before it could ask to be told: nothing reads its events."""
    code = textwrap.dedent("""
        import os, sys
        from evalsuite.run.workers.process import die_with_parent
        reader, writer = os.pipe()
        channel = os.fdopen(writer, "w")
        die_with_parent(channel.fileno())
        print("read", flush=True)
        os.close(reader)
        die_with_parent(channel.fileno())
        print("not read")
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("read\n", 1)


def test_what_is_said_of_a_stall() -> None:
    event = events.EngineStalled(reason="it slept", restarted=True)
    assert events.ADAPTER.validate_json(event.model_dump_json()) == event
    outcome = WorkerOutcome(stall="it slept")
    assert outcome.reason(Path("a.log")) == "it slept, again after a restart; see a.log"
