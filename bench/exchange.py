"""What the readers of other tools make of an export.

Give a store, and the Python interpreters of environments that have the tools: Every Eval Ever needs
Python 3.12 and an older huggingface_hub than evalsuite does. Each format is exported, read by its
own reader and imported again; scores are compared. Writes ``reports/bench/exchange.{md,json}``::

    python bench/exchange.py results --inspect /path/to/python --eee /path/to/python

Ends with 1 if a reader refuses a file, or a score differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import REPORTS, write_json
from evalsuite.commands.export import export_command
from evalsuite.importers.eee import read_eee
from evalsuite.importers.inspect import read_inspect
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.importers.records import ImportedScores
from evalsuite.registry.load import Registry
from evalsuite.store import Store

ALLOWED = 1e-5
PAGE = """\
# Exports, read by the tools that they are for

Written by `bench/exchange.py`.

| Format | Reader | Scores | Read back equal | Samples | What the reader said |
|---|---|---:|---:|---:|---|
{rows}
"""
INSPECT = """\
import json, sys, inspect_ai
from pathlib import Path
from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries
found = []
for path in sorted(Path(sys.argv[1]).glob("*.eval")):
    log = read_eval_log(str(path))
    summaries = read_eval_log_sample_summaries(str(path))
    assert len(summaries) == len(log.samples)
    score = log.results.scores[0]
    found.append([log.eval.model, log.eval.task, score.metrics[score.name].value, len(summaries)])
print(json.dumps({"version": "inspect_ai " + inspect_ai.__version__, "found": found}))
"""
EEE = """\
import json, sys, importlib.metadata, subprocess
from pathlib import Path
files = [str(p) for p in sorted(Path("data").rglob("*.json*"))]
command = [sys.executable, "-m", "every_eval_ever", "validate", *files]
done = subprocess.run(command, capture_output=True, text=True)
found = []
for file in files:
    if file.endswith(".json"):
        content = json.loads(Path(file).read_text())
        model = content["model_info"]["id"]
        rows = Path(file.replace(".json", "_samples.jsonl"))
        lines = rows.read_text().splitlines() if rows.exists() else []
        kept = [json.loads(line)["evaluation_result_id"] for line in lines]
        for one in content["evaluation_results"]:
            task, key = one["evaluation_name"], one["evaluation_result_id"]
            found.append([model, task, one["score_details"]["score"], kept.count(key)])
said = [line for line in done.stdout.splitlines() if "passed" in line]
version = "every_eval_ever " + importlib.metadata.version("every_eval_ever")
said = " ".join(" ".join(said).replace("│", " ").split())
print(json.dumps({"version": version, "found": found, "said": said, "code": done.returncode}))
"""


def exported(name: str, store: Path, folder: Path) -> list[str]:
    """Export all scores of a store; gives what was said."""
    lines: list[str] = []
    export_command(
        name,
        folder,
        store,
        Registry.load(),
        suite=None,
        checkpoints=(),
        tasks=(),
        card=None,
        say=lines.append,
    )
    return lines


def read(python: str, program: str, folder: Path) -> dict[str, Any]:
    """What a reader in another environment found; the error where it refuses."""
    done = subprocess.run(
        [python, "-c", program, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"},
    )
    if done.returncode:
        return {"version": "–", "found": [], "said": done.stderr.strip()[-200:], "code": 1}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def lm_eval(folder: Path) -> dict[str, Any]:
    """lm-eval's own table of the results, and its samples."""
    import lm_eval
    from lm_eval.utils import make_table

    found = []
    for path in sorted(folder.rglob("results_*.json")):
        content = json.loads(path.read_text())
        assert make_table(content)
        scores = {r.signature.task: r.score for r, _ in read_lm_eval(path, Registry.load()).records}
        for task, score in scores.items():
            entry = task.removeprefix("lm_eval:")
            lines = sum(
                len(file.read_text().splitlines())
                for file in path.parent.glob(f"samples_{entry}_*.jsonl")
            )
            found.append([content["model_name"], task, score, lines])
    return {"version": f"lm-eval {lm_eval.__version__}", "found": found}


def outcome(
    name: str, store: Path, reader: Callable[[Path], dict[str, Any]], back: Any
) -> dict[str, Any]:
    """One format: exported, read by its own reader, and imported again."""
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        exported(name, store, folder)
        answer = reader(folder)
        again: ImportedScores | None = back(folder) if back else None
        scores = sorted(r.score for r in Store(store).records() if r.score is not None)
        known = sorted(score for *_, score, _ in answer["found"])
        equal = sum(any(abs(one - other) <= ALLOWED for other in scores) for one in known)
        whole = again is None or sorted(r.score or 0.0 for r, _ in again.records) == scores
    return {
        "format": name,
        "reader": answer["version"],
        "scores": len(known),
        "equal": equal,
        "samples": sum(rows for *_, rows in answer["found"]),
        "said": answer.get("said", "read"),
        "good": bool(known) and equal == len(known) and not answer.get("code") and whole,
    }


def main() -> int:
    """Export, read and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--inspect", help="Python of an environment with inspect_ai")
    parser.add_argument("--eee", help="Python of an environment with every_eval_ever")
    given = parser.parse_args()
    rows = [outcome("lm-eval", given.store, lm_eval, None)]
    for name, python, program, back in (
        ("inspect", given.inspect, INSPECT, read_inspect),
        ("eee", given.eee, EEE, read_eee),
    ):
        if python:
            reader = lambda folder, p=python, q=program: read(p, q, folder)  # noqa: E731
            rows.append(outcome(name, given.store, reader, back))
    columns = ("format", "reader", "scores", "equal", "samples", "said")
    lines = ["| " + " | ".join(str(row[key]) for key in columns) + " |" for row in rows]
    write_json(REPORTS / "exchange.json", {"formats": rows})
    page = PAGE.format(rows="\n".join(lines))
    (REPORTS / "exchange.md").write_text(page, encoding="utf-8")
    print("\n".join(lines))
    return 0 if all(row["good"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
