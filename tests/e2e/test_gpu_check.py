"""``bench/gpu_check.py`` on a CPU: all its stages, small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu_check.py"
STAGES = {"environment", "encode", "oom", "shapes", "generate", "run", "sticky", "speed"}
STAGES |= {"vllm", "vllm_embed"}
WITHOUT = {"environment/gpu", "encode/llama-1b", "run/float32", "run/killed"}
"""What needs a GPU."""
WITHOUT |= {"vllm/float32", "vllm_embed/bidirectional", "vllm_embed/causal"}
MOST_SECONDS = 90
"""Of a machine with two cores that has nothing else to do; what is looked at is processor time."""


@pytest.mark.e2e
def test_all_stages_pass_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--tiny", "--out", str(out)]
    command += ["--seconds", "1800"]  # on a busy machine
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    found = json.loads(out.read_text(encoding="utf-8"))
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert {name.partition("/")[0] for name in states} == STAGES
    assert {name for name, state in states.items() if state == "SKIP"} == WITHOUT
    passed = len(states) - len(WITHOUT)
    *lines, last = done.stdout.splitlines()
    assert last == f"{passed} passed, 0 failed", done.stdout
    assert len(lines) == len(states)
    assert done.returncode == 0
    assert found["processor_seconds"] <= 2 * MOST_SECONDS
