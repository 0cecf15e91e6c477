"""``evalsuite run`` as a person types it, and what its store then holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from evalsuite.schema import Record
from evalsuite.store import Store
from gpu_stages.stage import FailedError, Place, SkippedError

HARNESSES = ("mteb", "lm_eval", "datasets", "pandas", "sklearn")


def need_harnesses() -> None:
    """Skip where what scores is not installed."""
    if missing := [name for name in HARNESSES if find_spec(name) is None]:
        raise SkippedError(f"not installed: {', '.join(missing)}")


def evaluate(
    place: Place, checkpoints: Sequence[Path], tasks: Sequence[str], *more: str, code: int = 0
) -> str:
    """Run, and see how it ends.

    Args:
        place: Its scratch folder has the store.
        checkpoints: Their folders.
        tasks: Names.
        more: Further options.
        code: Exit code that is expected.

    Returns:
        What was printed.
    """
    named = [part for path in checkpoints for part in ("--ckpt", str(path))]
    store = str(place.scratch / "results")
    settings = ["--tasks", ",".join(tasks), "--engine", "transformers", "--out", store, *more]
    done = subprocess.run(
        [sys.executable, "-m", "evalsuite.cli", "run", *named, *settings],
        cwd=place.scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode != code:
        print(said, file=sys.stderr)
        lines = [line for line in said.splitlines() if "fail" in line.lower() or "rror" in line]
        why = (lines or said.splitlines() or ["it said nothing"])[-1].strip()
        raise FailedError(f"evalsuite run ended with {done.returncode}, not {code}: {why}")
    return said


def records(place: Place) -> list[Record]:
    """All records of the store."""
    return Store(place.scratch / "results").records()
