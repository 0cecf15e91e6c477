"""Warm processes and their copies: real processes that import next to nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.run.workers.warm import Copy, WarmProcess, WarmProcessGoneError


@pytest.fixture
def warm() -> Iterator[WarmProcess]:
    made = WarmProcess.start(["json", "no_such_module"], {"GIVEN": "yes"}, own_session=True)
    yield made
    made.end()


def copied(warm: WarmProcess) -> tuple[Copy, socket.socket]:
    """A copy that waits for its first message, and the other end of its channel."""
    ours, theirs = socket.socketpair()
    with theirs:
        return warm.copy("harness_process", [theirs.fileno()], patience=120), ours


def gone(pid: int) -> bool:
    """Whether a process ends within seconds; one that has ended may wait to be reaped."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_copy_is_a_process_of_its_own_with_the_environment_and_ends_alone(
    warm: WarmProcess,
) -> None:
    (first, channel), (second, other) = copied(warm), copied(warm)
    assert len({first.pid, second.pid, warm.pid, os.getpid()}) == 4
    assert b"GIVEN=yes" in Path(f"/proc/{first.pid}/environ").read_bytes()
    channel.close()  # its other end: there is nothing to do
    assert first.wait(60) == 1
    assert second.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.1)
    os.kill(second.pid, signal.SIGKILL)
    assert second.wait() == -signal.SIGKILL
    assert second.poll() == -signal.SIGKILL
    other.close()
    third, channel = copied(warm)
    assert third.poll() is None
    channel.close()


def test_copies_end_with_the_warm_process(warm: WarmProcess) -> None:
    copy, channel = copied(warm)
    os.kill(warm.pid, signal.SIGKILL)
    assert gone(copy.pid)
    assert copy.wait() == -signal.SIGKILL
    with pytest.raises(WarmProcessGoneError):
        copied(warm)
    channel.close()


def test_no_process_stays_when_the_starter_is_killed() -> None:
    code = (
        "import os, socket, time\n"
        "from evalsuite.run.workers.warm import WarmProcess\n"
        "warm = WarmProcess.start([], {}, own_session=True)\n"
        "ours, theirs = socket.socketpair()\n"
        "copy = warm.copy('harness_process', [theirs.fileno()])\n"
        "print(warm.pid, copy.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pids = [int(word) for word in starter.stdout.readline().split()]
    assert len(pids) == 2
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert all(gone(pid) for pid in pids)


def test_one_that_takes_too_long_to_import_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(600)\n")
    search = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    slow = WarmProcess.start(["slow_module"], {"PYTHONPATH": search}, own_session=True)
    ours, theirs = socket.socketpair()
    with theirs, ours, pytest.raises(WarmProcessGoneError):
        slow.copy("harness_process", [theirs.fileno()], patience=0.2)
    slow.end()
    assert gone(slow.pid)
