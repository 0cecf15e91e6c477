"""``evalsuite check`` with the real engines: itself, a damaged copy, one that lacks a task.

The damaged copy has Gaussian noise in its weight matrices, 0.3 of each matrix's own spread.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import resolve

pytestmark = pytest.mark.e2e

TASKS = ("smoke-classification", "smoke-multiple-choice")
NOISE = 0.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a suite of two tasks, its policy, and a baseline."""
    made = tmp_path_factory.mktemp("check")
    (made / "own" / "suites").mkdir(parents=True)
    (made / "own" / "suites" / "gate.yaml").write_text(f"name: gate\ntasks: [{', '.join(TASKS)}]\n")
    (made / "policy.yaml").write_text("suite: gate\ntolerance: {default: 3}\n")
    done = check(made, "demo:smollm2", "demo:smollm2")
    assert done.returncode == 0, done.stdout + done.stderr
    evalsuite(made, "baseline", "set", "main", "smollm2")
    return made


def evalsuite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evalsuite.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
    )


def check(
    folder: Path, candidate: str, baseline: str = "main", more: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    policy = ("--policy", "policy.yaml", "--tasks-dir", "own", "--engine", "transformers")
    return evalsuite(
        folder, "check", "--candidate", candidate, "--baseline", baseline, *policy, *more
    )


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "reports" / "check" / "check.json").read_text())
    return found


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo checkpoint that training has gone wrong with."""
    import torch
    from safetensors.torch import load_file, save_file

    copy = tmp_path_factory.mktemp("ckpt") / "smollm2-noisy"
    shutil.copytree(resolve("demo:smollm2").path, copy)
    generator = torch.Generator().manual_seed(7)
    for file in copy.glob("*.safetensors"):
        weights = load_file(file)
        for name, weight in weights.items():
            if weight.ndim == 2:
                spread = NOISE * weight.float().std()
                noise = torch.randn(weight.shape, generator=generator) * spread
                weights[name] = (weight.float() + noise).to(weight.dtype)
        save_file(weights, file, metadata={"format": "pt"})
    return copy


def test_a_checkpoint_passes_against_itself(folder: Path) -> None:
    done = check(folder, "demo:smollm2")
    assert done.returncode == 0, done.stderr
    found = report(folder)
    assert (found["verdict"], found["green"]) == ("pass", True)
    assert {task["task"] for task in found["tasks"]} == set(TASKS)
    assert all(task["won"] in (0, None) for task in found["tasks"])


def test_noise_in_the_weights_is_found_and_named(folder: Path, noisy: Path) -> None:
    done = check(folder, str(noisy))
    assert done.returncode == 10, done.stdout + done.stderr
    lost = [task for task in report(folder)["tasks"] if task["verdict"] == "regression"]
    assert "smoke-multiple-choice" in {task["task"] for task in lost}
    for task in lost:
        assert task["delta"] < task["tolerated"]
        assert task["task"] in done.stdout.splitlines()[-2]


def test_a_broken_checkpoint_is_red_before_all_is_answered(folder: Path, noisy: Path) -> None:
    """And its first regression of a required task ends the check."""
    policy = "suite: gate\ntolerance: {default: 3}\nrequired: [smoke-multiple-choice]\n"
    (folder / "choice.yaml").write_text(policy)
    more = ("--stop-early", "--stop-on-red", "--out", "early", "--policy", "choice.yaml")
    done = check(folder, str(noisy), more=more)
    assert done.returncode == 10, done.stdout + done.stderr
    assert report(folder)["ended_by"] == "smoke-multiple-choice"
    found = {task["task"]: task for task in report(folder)["tasks"]}
    choice = found["smoke-multiple-choice"]
    assert choice["verdict"] == "regression"
    assert choice["stopped"]["after"] < choice["stopped"]["of"] == 160
    low, high = choice["stopped"]["score_interval"]
    assert low <= choice["candidate"] <= high
    assert "stopped after" in done.stdout


def test_a_checkpoint_that_lacks_a_required_task_is_not_green(folder: Path) -> None:
    done = check(folder, "demo:minilm")
    assert done.returncode == 12, done.stdout + done.stderr
    assert report(folder)["blocking"] == "missing"
    assert "1 missing (smoke-multiple-choice)" in done.stdout
