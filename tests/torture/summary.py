"""The figures of all torture programs in one table, against what they must be.

``python tests/torture/summary.py`` reads ``reports/torture/*.json``, writes
``reports/torture/README.md`` and prints it; exits with 1 if a figure is missing or not reached.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_scenarios import CASES
from kill_report import WITH_VLLM

REPORTS = Path(__file__).parents[2] / "reports" / "torture"
KILLS, VLLM_KILLS, WATCH_KILLS, PROGRAMS, INPUTS = 200, 20, 30, 40, 80
"""At least so many."""


@dataclass(frozen=True)
class Figure:
    """One figure of the table."""

    what: str
    report: str
    """Name of its file."""
    needed: str
    reached: Callable[[dict[str, Any]], bool]


def _kills(report: dict[str, Any]) -> bool:
    rounds = report["rounds"]
    counts = ("lost", "duplicated", "corrupt", "different", "strays", "leavings")
    sound = all(
        one["completed"] and one["same_table"] and not any(one[word] for word in counts)
        for one in rounds
    )
    kills = dict.fromkeys((True, False), 0)
    for one in rounds:
        kills[one["scenario"] == WITH_VLLM] += sum(
            kill["victim"] != "gone" for kill in one["kills"]
        )
    return sound and sum(kills.values()) >= KILLS and kills[True] >= VLLM_KILLS


def _watch_kills(report: dict[str, Any]) -> bool:
    wrong = ("lost", "twice", "misread", "disorder", "untold", "left")
    tried = report["kills"] >= WATCH_KILLS and report["in_evaluation"] and report["outlived"]
    return bool(tried) and not any(report[word] for word in wrong)


def _four_at_once(report: dict[str, Any]) -> bool:
    found = [one for one in report["faults"] if one["name"] == "four runs at once"]
    return len(found) == 1 and not found[0]["wrong"]


def _faults(report: dict[str, Any]) -> bool:
    """All of them tried, none left out."""
    tried = {one["name"] for one in report["faults"] if not one["seen"].startswith("not tried")}
    return tried == CASES.keys() and not any(one["wrong"] for one in report["faults"])


def _programs(report: dict[str, Any]) -> bool:
    programs = report["programs"]
    hostile = sum(one["hostile"] for one in programs)
    return hostile >= PROGRAMS and not any(one["harm"] for one in programs)


def _inputs(report: dict[str, Any]) -> bool:
    return len(report["inputs"]) >= INPUTS and not any(one["wrong"] for one in report["inputs"])


FIGURES = (
    Figure(
        "kill -9 at random moments",
        "kills",
        f"{KILLS} kills, {VLLM_KILLS} of them with vLLM: nothing lost or duplicated, all "
        "completed, all tables identical",
        _kills,
    ),
    Figure(
        "kill -9 of a watcher while a trainer writes and deletes",
        "watch_kills",
        f"{WATCH_KILLS} kills: no checkpoint lost or evaluated twice, none read after it was "
        "deleted, order kept",
        _watch_kills,
    ),
    Figure("four runs on one store", "faults", "each job done once, none corrupt", _four_at_once),
    Figure("faults", "faults", "all survived", _faults),
    Figure(
        "programs that a model wrote",
        "programs",
        f"{PROGRAMS} hostile ones contained, the honest ones pass, nothing left behind",
        _programs,
    ),
    Figure(
        "bad inputs",
        "bad_inputs",
        f"{INPUTS}: one line with a next step each, no traceback, no file left",
        _inputs,
    ),
)


def main() -> int:
    """Write and print the table."""
    lines, good = [], True
    for figure in FIGURES:
        path = REPORTS / f"{figure.report}.json"
        report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        reached = report is not None and figure.reached(report)
        good = good and reached
        said = report["figures"] if report else "not run"
        verdict = "reached" if reached else "not reached"
        link = f"[{figure.report}.md]({figure.report}.md)" if report else ""
        lines.append(f"| {figure.what} | {figure.needed} | {said} | {verdict} | {link} |")
    text = (
        "# What was tried to break it\n\nWritten by `tests/torture/summary.py`, the last step of "
        "`make torture`, from the reports beside it.\n\n"
        "| | must hold | found | | details |\n|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "README.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
