"""W&B, MLflow and trackio themselves, in a throwaway environment, without a network of theirs.

Makes a virtual environment beside the one that runs this (its packages are visible there), installs
the three packages, runs ``tests/trackers`` with them, and then one real ``evalsuite run`` with
``--log``: offline, and once with a tracker that cannot work. Writes
``reports/bench/trackers.{md,json}``::

    python bench/trackers.py

Takes about three minutes. Ends with 1 if anything is not as it should be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from common import REPORTS, write_json

ROOT = Path(__file__).parents[1]
PACKAGES = ("wandb", "mlflow", "trackio")
PAGE = """\
# Trackers, with the packages themselves

Written by `bench/trackers.py`: {versions}; offline or local-file mode.

| What | Result | Seconds |
|---|---|---:|
{rows}
"""


def environment(folder: Path) -> Path:
    """A virtual environment with the trackers; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    inside = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (inside / "zz-beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def versions(python: Path) -> dict[str, str]:
    """Package → installed version."""
    code = f"import importlib.metadata as m\nfor p in {PACKAGES!r}: print(m.version(p))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return dict(zip(PACKAGES, done.stdout.split(), strict=True))


def tests(python: Path, folder: Path) -> list[dict[str, Any]]:
    """The outcome of each test."""
    file = folder / "tests.xml"
    words = ["-m", "pytest", "-q", "tests/trackers", f"--junit-xml={file}"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([python, *words], cwd=ROOT, env=variables, check=False)
    found = []
    for case in ET.parse(file).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped")
        result = "FAILED" if bad else "passed"
        if skipped is not None:
            result = f"skipped: {skipped.get('message')}"
        seconds = float(case.get("time", 0))
        found.append({"what": case.get("name"), "result": result, "seconds": seconds})
    return found


def run(python: Path, folder: Path, log: str, **variables: str) -> dict[str, Any]:
    """One real run on the built-in model, with ``--log``."""
    local = {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "TRACKIO_DIR": str(folder / "trackio"),
        "PYTHONPATH": str(ROOT),
    }
    words = ["run", "--ckpt", "demo:minilm", "--tasks", "smoke-sts", "--limit", "20"]
    begun = time.monotonic()
    done = subprocess.run(
        [python, "-m", "evalsuite", *words, "--log", log],
        cwd=folder,
        env={**os.environ, **local, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("not logged")]
    said = "; ".join([f"exit code {done.returncode}", *lines])
    return {"what": f"run --log {log}", "result": said, "seconds": time.monotonic() - begun}


def main() -> int:
    """Run all, write the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder / "environment")
        about = versions(python)
        rows = tests(python, folder)
        whole = run(python, folder, "wandb,mlflow,trackio")
        # Nothing answers at this address, and there is no key.
        nowhere = {"WANDB_MODE": "online", "WANDB_BASE_URL": "http://127.0.0.1:9"}
        failing = run(python, folder, "wandb", EVALSUITE_TRACKER_SECONDS="30", **nowhere)
        kept = [*folder.glob("wandb/offline-run-*"), folder / "mlflow.db", folder / "trackio"]
        good = whole["result"] == "exit code 0" and all(path.exists() for path in kept)
        good &= failing["result"].startswith("exit code 0; not logged to wandb")
        good &= all(row["result"] != "FAILED" for row in rows)
    failing["what"] += ", no server"
    rows += [whole, failing]
    lines = [f"| {row['what']} | {row['result']} | {row['seconds']:.1f} |" for row in rows]
    page = PAGE.format(
        versions=", ".join(f"{name} {number}" for name, number in about.items()),
        rows="\n".join(lines).replace(name, "…"),
    )
    (REPORTS / "trackers.md").write_text(page)
    write_json(REPORTS / "trackers.json", {"versions": about, "rows": rows, "good": good})
    print(page)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
