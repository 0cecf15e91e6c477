"""The GitHub action and the GitLab job, run as their shells would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalsuite.registry.load import Registry
from evalsuite.store import Store
from helpers.records import record, scored

ROOT = Path(__file__).parents[3]
SCORES = [0.0, 1.0] * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a store that holds a good and a bad checkpoint."""
    store = Store(tmp_path / "results")
    store.prepare()
    registry = Registry.load()
    for task in registry.suite("smoke").tasks:
        known = registry.task(task)
        store.put(record(known, 0.5, checkpoint="good"), scored(SCORES))
        store.put(record(known, 0.0, checkpoint="bad"), scored([0.0] * 100))
    return tmp_path


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("candidate", "code", "verdict"), [("good", 0, "pass"), ("bad", 10, "regression")]
)
def test_the_github_action(folder: Path, candidate: str, code: int, verdict: str) -> None:
    action: dict[str, Any] = yaml.safe_load((ROOT / ".ci/github-action/action.yml").read_text())
    [step] = [step for step in action["runs"]["steps"] if step.get("id") == "check"]
    assert set(step["env"]) == {
        "CANDIDATE",
        "BASELINE",
        "POLICY",
        "EVALSUITE_DATA",
        "ARGUMENTS",
    }
    assert "${{" not in step["run"]
    done = shell(
        step["run"],
        folder,
        CANDIDATE=candidate,
        BASELINE="good",
        POLICY=action["inputs"]["policy"]["default"],
        EVALSUITE_DATA="",
        ARGUMENTS="--out results --device cpu",
        GITHUB_OUTPUT=str(folder / "output"),
        GITHUB_STEP_SUMMARY=str(folder / "summary"),
    )
    assert done.returncode == code, done.stderr
    assert (folder / "output").read_text() == f"verdict={verdict}\n"
    assert "11 tasks pass" in (folder / "summary").read_text()


def test_the_github_action_ends_with_the_error_of_a_check_that_could_not_run(folder: Path) -> None:
    action = yaml.safe_load((ROOT / ".ci/github-action/action.yml").read_text())
    [step] = [step for step in action["runs"]["steps"] if step.get("id") == "check"]
    done = shell(
        step["run"],
        folder,
        CANDIDATE="nobody; touch hacked",
        BASELINE="good",
        POLICY="smoke",
        EVALSUITE_DATA="",
        ARGUMENTS="",
        GITHUB_OUTPUT=str(folder / "output"),
    )
    assert done.returncode == 2
    assert "is neither a checkpoint nor scores" in done.stderr
    assert not (folder / "hacked").exists()


def test_the_gitlab_job(folder: Path) -> None:
    [(_, job)] = yaml.safe_load((ROOT / ".ci/gitlab-check.yml").read_text()).items()
    variables = {"CANDIDATE": "bad", "BASELINE": "good", **job["variables"]}
    done = shell("\n".join(job["script"]), folder, **variables)
    assert done.returncode == 10, done.stderr
    assert (folder / job["artifacts"]["reports"]["junit"]).is_file()
    assert job["allow_failure"]["exit_codes"] == 11
