"""A worker that no longer gets on is ended; one that computes, or waits for another run, is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import LocalExecutor
from evalsuite.run.workers.executor import _Outcome as Outcome
from evalsuite.run.workers.watch import BUSY_FACTOR, LOOKS, Watch

PATIENCE = 1.0
READY = '{"event": "engine_ready", "engine": "e 1", "seconds": 1}'
STARTED = '{"event": "job_started", "job": "0"}'
ENDED = '{"event": "job_ended", "job": "0", "status": "scored", "record": null}'
WAITING = '{"event": "job_waiting", "job": "0"}'


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


def listen(code: str, family: list[subprocess.Popen[bytes]]) -> tuple[Outcome, float]:
    """Hear a real process that speaks a worker's language."""
    program = "import os, sys, time\nsay = lambda line: print(line, flush=True)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", program + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    family.append(child)
    outcome = Outcome()
    started = time.monotonic()
    LocalExecutor(patience=PATIENCE)._listen(child, outcome, lambda _: None)
    return outcome, time.monotonic() - started


def test_a_worker_that_sleeps_has_stalled(family: list[subprocess.Popen[bytes]]) -> None:
    outcome, seconds = listen(f"say('{READY}'); say('{STARTED}'); time.sleep(60)", family)
    assert outcome.stall is not None
    assert "nothing for 1 s" in outcome.stall
    assert outcome.current == "0"
    assert PATIENCE <= seconds < 60 * PATIENCE


def test_a_stopped_worker_has_stalled(family: list[subprocess.Popen[bytes]]) -> None:
    outcome, _ = listen(f"say('{STARTED}'); os.kill(os.getpid(), 19)", family)
    assert outcome.stall is not None


def test_a_silent_worker_that_computes_has_not(family: list[subprocess.Popen[bytes]]) -> None:
    """Nor one whose child computes: an engine is a process of its own with vLLM."""
    compute = f"end = time.monotonic() + {2.5 * PATIENCE}\nwhile time.monotonic() < end: pass\n"
    below = (
        f"import subprocess\nsubprocess.run([sys.executable, '-c', {'import time; ' + compute!r}])"
    )
    code = f"say('{STARTED}')\n{below}\nsay('{ENDED}')"
    outcome, seconds = listen(code, family)
    assert outcome.stall is None
    assert outcome.ended == {"0"}
    assert seconds > 2 * PATIENCE


def test_even_computing_has_an_end() -> None:
    watch = Watch(os.getpid(), patience=0.0)  # any use of the processor counts as work
    watch._silent = LOOKS * BUSY_FACTOR - 2
    assert watch.look() is None
    assert "without a result" in (watch.look() or "")


def test_waiting_for_another_run_may_take_long(family: list[subprocess.Popen[bytes]]) -> None:
    code = f"say('{WAITING}'); time.sleep({2 * PATIENCE}); say('{STARTED}'); say('{ENDED}')"
    outcome, _ = listen(code, family)
    assert outcome.stall is None
    assert outcome.ended == {"0"}


def test_progress_is_a_sign_of_life(family: list[subprocess.Popen[bytes]]) -> None:
    line = '{"event": "job_progress", "job": "0", "done": 1, "total": 9, "unit": "texts"}'
    code = f"for _ in range(5):\n    say('{line}')\n    time.sleep({PATIENCE / 2})"
    assert listen(code, family)[0].stall is None


def test_a_dead_worker_is_noticed_though_its_child_holds_the_pipe(
    family: list[subprocess.Popen[bytes]],
) -> None:
    code = f"""
    say('{STARTED}')
    if os.fork() == 0:
        time.sleep(60)
    os.kill(os.getpid(), 9)
    """
    outcome, seconds = listen(code, family)
    os.killpg(family[0].pid, signal.SIGKILL)
    assert outcome.stall is None
    assert family[0].wait() == -signal.SIGKILL
    assert seconds < PATIENCE


def test_patience_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LocalExecutor().patience == 600
    monkeypatch.setenv("EVALSUITE_PATIENCE", "3600")
    assert LocalExecutor().patience == 3600
    for wrong in ("", "soon", "0", "-5", "inf", "nan"):
        monkeypatch.setenv("EVALSUITE_PATIENCE", wrong)
        with pytest.raises(UsageError, match="seconds, 1 or more"):
            LocalExecutor()


def test_an_orphaned_worker_ends_at_once(tmp_path: Path) -> None:
    """Whoever started it has died before it could ask to be told: nobody reads its events."""
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
    outcome = Outcome(stall="it slept")
    assert outcome.reason(Path("a.log")) == "it slept, again after a restart; see a.log"
