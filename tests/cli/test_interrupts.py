"""Ctrl-C ends a command with one line, whatever the code that it hits makes of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.e2e

LINE = "evalsuite: interrupted; what is finished is kept; the same command goes on from there\n"
START = """
import signal, sys, time
from evalsuite.cli import interrupts
# Wherever the tests run, as a terminal would start it.
signal.signal(signal.SIGINT, signal.default_int_handler)
interrupts.DEADLINE_SECONDS = 1.0
interrupts.INTERRUPTS.listen()
try:
    print("ready", flush=True)
"""
END = """
finally:
    interrupts.INTERRUPTS.close()
"""


def play(code: str, *, presses: int = 1) -> tuple[int, str, str, float]:
    """Code, output, errors and seconds of a program that gets Ctrl-C once it is ready."""
    program = START + textwrap.indent(textwrap.dedent(code), "    ") + END
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        started = time.monotonic()
        for _ in range(presses):
            time.sleep(0.1)
            child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    return child.returncode, out, err, time.monotonic() - started


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(60)",
        # as some libraries do whose import is interrupted
        "try:\n    time.sleep(60)\nexcept BaseException:\n    raise ImportError('numpy')",
        # the command had just come to its end
        "try:\n    time.sleep(60)\nexcept BaseException:\n    sys.exit(0)",
        # threads that the interpreter would wait for
        "import threading\nthreading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)",
    ],
)
def test_it_ends_at_once_with_one_line(code: str) -> None:
    returned, _, err, seconds = play(code)
    assert (returned, err) == (130, LINE)
    assert seconds < 5


def test_it_ends_soon_where_it_is_swallowed() -> None:
    code = "while True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass"
    returned, _, err, seconds = play(code)
    assert (returned, err) == (130, LINE)
    assert 1 <= seconds < 6


def test_impatience_does_not_keep_it_from_tidying_up() -> None:
    code = """
    try:
        time.sleep(60)
    finally:
        time.sleep(0.5)
        print("tidy")
    """
    returned, out, err, _ = play(code, presses=3)
    assert (returned, out, err) == (130, "tidy\n", LINE)


def test_without_it_nothing_is_said() -> None:
    assert play("pass", presses=0)[:3] == (0, "", "")


def test_a_process_that_was_started_deaf_stays_so() -> None:
    code = """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.Interrupts().listen()
    print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, file=sys.stderr)
    """
    assert play(code, presses=0)[:3] == (0, "", "True\n")
