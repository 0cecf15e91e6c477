"""What ``bench/gpu_check.py`` makes of stages that end in every way; the stages are made up."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import gpu_check
from gpu_stages import inside
from gpu_stages.stage import FailedError, SkippedError

GOOD = {"name": "s/one", "state": "PASS", "seconds": 1.5, "numbers": {"off": 1e-7}, "why": ""}


def ended(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float = 30.0) -> Any:
    """Outcomes of a stage whose process says that one check passed, and then does this."""
    program = f"import os, sys, time\nprint({json.dumps(GOOD)!r}, flush=True)\n{code}"
    monkeypatch.setattr(gpu_check, "LEAST", 2)
    monkeypatch.setattr(gpu_check, "command", lambda *_: [sys.executable, "-c", program])
    options = argparse.Namespace(device="cpu", tiny=True)
    return list(gpu_check.outcomes("s", options, tmp_path / "s", seconds))


def test_what_a_stage_says_is_all_where_it_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended("", tmp_path, monkeypatch) == [GOOD]


@pytest.mark.parametrize(
    ("code", "seconds", "why"),
    [
        ("print('CUDA went away', file=sys.stderr); sys.exit(3)", 30, "with 3; CUDA went away"),
        ("os.kill(os.getpid(), 11)", 30, "its process ended by SIGSEGV; it said nothing"),
        ("time.sleep(600)", 2, "no end within 2 s"),
    ],
)
def test_a_stage_that_ends_early_keeps_its_lines_and_fails(
    code: str, seconds: float, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, whole = ended(code, tmp_path, monkeypatch, seconds)
    assert first == GOOD
    assert (whole["name"], whole["state"]) == ("s", "FAIL")
    assert why in whole["why"]


def test_a_stage_without_time_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [one] = ended("", tmp_path, monkeypatch, seconds=1)
    assert gpu_check.line(one) == "SKIP s 0.0s no time is left; run it by itself with --stage"


def test_lines_are_as_promised() -> None:
    assert gpu_check.line(GOOD) == "PASS s/one 1.5s off=1e-07"
    failed = {**GOOD, "state": "FAIL", "numbers": {"gpu": "NVIDIA H200"}, "why": "too slow"}
    assert gpu_check.line(failed) == "FAIL s/one 1.5s gpu=NVIDIA_H200 too slow"


def test_a_check_passes_fails_with_its_numbers_or_is_skipped() -> None:
    def raising(error: Exception) -> Any:
        def work() -> Any:
            raise error

        return inside.outcome(work)

    assert inside.outcome(lambda: {"a": 1}) == ("PASS", {"a": 1}, "")
    assert raising(SkippedError("not here")) == ("SKIP", {}, "not here")
    assert raising(FailedError("slow", {"a": 2})) == ("FAIL", {"a": 2}, "slow")
    assert raising(RuntimeError("CUDA error:\nmore")) == (
        "FAIL",
        {},
        "RuntimeError: CUDA error: more",
    )
