"""A few rounds of ``watch_kills.py``: the whole of it takes a minute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.e2e
def test_a_few_kills() -> None:
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "torture")))
    done = subprocess.run(
        [sys.executable, ROOT / "tests/torture/watch_kills.py", "--kills", "5", "--quick"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == 5
    assert found["checkpoints"] > 2
