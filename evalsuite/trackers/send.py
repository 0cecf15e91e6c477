"""Handing results to trackers, each in a process of its own with a time limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

from evalsuite.redact import shown
from evalsuite.settings import TRACKER_SECONDS
from evalsuite.trackers.model import Target, Tracked


def send(targets: Iterable[Target], tracked: Sequence[Tracked]) -> list[str]:
    """Log to each tracker.

    Args:
        targets: Where to.
        tracked: What; one for each checkpoint.

    Returns:
        A line for each tracker that failed or took too long; never an error.
    """
    return [problem for one in targets if tracked and (problem := _send(one, tracked))]


def _send(target: Target, tracked: Sequence[Tracked]) -> str | None:
    seconds = TRACKER_SECONDS.value()
    work = {
        "target": target.model_dump(),
        "tracked": [one.model_dump(mode="json") for one in tracked],
    }
    head = f"not logged to {target.tracker}"
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "evalsuite.trackers.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return f"{head}: {error.strerror}"
    try:
        _, err = process.communicate(json.dumps(work).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"{head}: no end after {seconds:g} s ({TRACKER_SECONDS.variable} sets the limit)"
    finally:
        _end(process)
    if process.returncode == 0:
        return None
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{head}: {shown(lines[-1].strip()) if lines else f'ended with {process.returncode}'}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr:
        process.stderr.close()
