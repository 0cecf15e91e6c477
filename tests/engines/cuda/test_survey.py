"""Asking driver and torch: real processes, and the driver's files as Linux has them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.engines.cuda import survey as gpu_survey
from evalsuite.engines.cuda.gpu import Survey

VERSION = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  "
    "(dvs-builder@U22-I3)  Tue Sep 23 09:55:41 UTC 2025\n"
    "GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04)\n"
)


@pytest.fixture(autouse=True)
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A driver that knows two GPUs, beside a torch for CPUs."""
    files = tmp_path / "nvidia"
    for name in ("0000:17:00.0", "0000:65:00.0"):
        (files / "gpus" / name).mkdir(parents=True)
    (files / "version").write_text(VERSION)
    monkeypatch.setattr(gpu_survey, "DRIVER_FILES", files)
    monkeypatch.setattr(gpu_survey, "NVIDIA_NODES", (files,))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu_survey.survey_apart.cache_clear()
    yield
    gpu_survey.survey_apart.cache_clear()


def package(folder: Path, code: str) -> None:
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text(code)


def test_what_the_driver_says_is_read_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "broken", "import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = gpu_survey.survey_apart(1)
    assert (found.driver, found.cards, found.visible) == ("580.95.05", 2, "1")
    assert found.gpu is None
    assert found.problem


def test_a_torch_that_cannot_be_imported_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "broken", "raise ImportError('libcudart.so.13: no such file')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'broken'}:{Path(__file__).parents[2]}")
    found = gpu_survey.survey_apart(1)
    assert found.problem == "torch cannot be imported: libcudart.so.13: no such file"


def test_the_installed_torch_answers_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evalsuite.engines.cuda.survey", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = Survey(**json.loads(done.stdout))
    import torch

    assert found.built == torch.version.cuda
    assert (found.gpu is not None) == torch.cuda.is_available()


def test_without_a_node_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_survey, "NVIDIA_NODES", (tmp_path / "none",))
    code = (
        "import sys\n"
        "from evalsuite.engines.cuda import survey as gpu_survey\n"
        "gpu_survey.NVIDIA_NODES = ()\n"
        "assert gpu_survey.find_gpu('auto') is None\n"
        "assert gpu_survey.gpu_here('auto') is None\n"
        "assert not {'torch', 'subprocess.run'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert gpu_survey.find_gpu("auto") is None
    assert gpu_survey.survey_apart.cache_info().currsize == 0
