"""A budget of seconds interrupts work as Ctrl-C does, and nothing else."""

from __future__ import annotations

import signal
import time

import pytest

from evalsuite.commands.watch_checkpoint import within
from evalsuite.errors import Interrupted


def test_work_within_its_budget() -> None:
    assert within(None, lambda: 3) == 3
    assert within(60, lambda: 3) == 3
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_work_beyond_it() -> None:
    started = time.monotonic()
    assert within(0.1, lambda: time.sleep(30)) is None
    assert time.monotonic() - started < 10


def test_what_turns_ctrl_c_into_a_line() -> None:
    def work() -> None:
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None

    assert within(0.1, work) is None


def test_ctrl_c_is_no_spent_budget() -> None:
    def press() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        within(60, press)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
