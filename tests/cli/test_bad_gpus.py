"""A GPU that cannot be used: the command ends with one line, before a library that computes loads.

What the machine says of its GPUs is made up; the command line is the real one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.engines.cuda.gpu import Survey
from helpers.gpus import FAKE, survey
from helpers.tiny_encoders import save_model

PROGRAM = """
import atexit, sys
from evalsuite.engines.cuda import survey
from evalsuite.engines.cuda.gpu import Survey

found = Survey.model_validate_json(sys.argv.pop(1))
survey.has_driver = lambda: found.node
survey.survey_apart = survey.look = lambda _: found
heavy = {"torch", "transformers", "mteb", "vllm"}
atexit.register(lambda: print("loaded:", *sorted(heavy & set(sys.modules))))

from evalsuite.cli import main

main()
"""
T4 = FAKE.model_copy(update={"name": "Tesla T4", "capability": (7, 5)})
V100 = FAKE.model_copy(update={"name": "Tesla V100", "capability": (7, 0)})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = save_model(tmp_path_factory.mktemp("model"), "llama")
    resolve(str(path))  # what is looked up in its tokenizer is remembered
    return path


@pytest.mark.parametrize(
    ("found", "options", "says"),
    [
        (Survey(node=False), ("--device", "cuda"), "no NVIDIA driver on this machine"),
        (
            survey(driver="535.104.05", gpu=None, problem="too old"),
            ("--device", "cuda"),
            "the NVIDIA driver 535.104.05 is too old for torch built for CUDA 13.0",
        ),
        (
            survey(visible="7", cards=2, gpu=None, problem="No CUDA GPUs are available"),
            ("--device", "cuda"),
            "CUDA_VISIBLE_DEVICES=7 names no GPU of this machine, which has 2",
        ),
        (survey(gpu=V100), ("--device", "cuda"), "Tesla V100 (compute capability 7.0) is too old"),
        (survey(gpu=T4), ("--dtype", "bfloat16"), "--dtype bfloat16: Tesla T4 has no instructions"),
        (survey(), ("--tensor-parallel", "2"), "--tensor-parallel 2 needs 2 GPUs, and 1 is"),
        (
            survey(gpu=None, problem="CUDA error: out of memory"),
            ("--device", "cuda"),
            "the GPU has no memory left to begin with",
        ),
    ],
    ids=["no driver", "old driver", "no such index", "old card", "bfloat16", "too few", "taken"],
)
def test_the_run_ends_with_one_line_before_anything_is_loaded(
    found: Survey, options: tuple[str, ...], says: str, model: Path, tmp_path: Path
) -> None:
    run = ["run", "--ckpt", str(model), "--tasks", "smoke-sts", *options]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, found.model_dump_json(), *run],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert says in line
    assert "; " in line, "what to do next"
    assert done.stdout == "loaded:\n"
    assert list(tmp_path.iterdir()) == []
