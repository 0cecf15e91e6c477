"""Runs the checks of one stage in this process: each outcome is a JSON line on a descriptor."""

from __future__ import annotations

import importlib
import json
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from gpu_stages.stage import Check, FailedError, Numbers, Place, SkippedError


def run_stage(name: str, place: Place, answers: TextIO) -> None:
    """Run the checks of a stage; what fails does not end those after it."""
    module = importlib.import_module(f"gpu_stages.{name}")
    checks: Iterator[Check] = module.checks(place)
    for check, work in checks:
        started = time.perf_counter()
        state, numbers, why = outcome(work)
        line: dict[str, Any] = {
            "name": f"{name}/{check}",
            "state": state,
            "seconds": round(time.perf_counter() - started, 2),
            "numbers": numbers,
            "why": why,
        }
        answers.write(json.dumps(line) + "\n")
        answers.flush()


def outcome(work: Callable[[], Numbers]) -> tuple[str, Numbers, str]:
    """``PASS``, ``FAIL`` or ``SKIP``, the numbers, and why."""
    try:
        return "PASS", work(), ""
    except SkippedError as skip:
        return "SKIP", {}, str(skip)
    except FailedError as failed:
        return "FAIL", failed.numbers, str(failed)
    except Exception as error:  # noqa: BLE001 - the other checks go on
        traceback.print_exc()
        return "FAIL", {}, f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
