"""Ordinary inputs that once gave a wrong number, through the command line: right or refused.

Seventeen groups of cases, F1 to F17. Each builds its own small input (checkpoints, data, result
files), runs ``evalsuite`` in a process of its own, and compares with the right value, which is
worked out apart: by definition, by the model's own library, by mteb. Writes
``reports/bench/cases.{md,json}``::

    python bench/cases.py
    python bench/cases.py F4 F17  # these again; the report's others stay

Ends with 1 if one is wrong.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cases_tools import Case, Found, Line
from common import REPORTS, write_json

ABOUT: Final[Mapping[str, tuple[str, str]]] = {
    "F1": ("direction of metrics", "tests/results/check/test_directions.py"),
    "F2": ("who was evaluated, in imports", "tests/importers/test_identity.py"),
    "F3": ("splits, subsets, bad files of mteb's folders", "tests/importers/test_mteb_scores.py"),
    "F4": ("GGUF: RoPE scaling, BOS", "tests/checkpoint/test_zoo.py"),
    "F5": ("tokenizers that transformers rebuilds", "tests/checkpoint/test_tokenizer.py"),
    "F6": ("adapters on tied layers", "tests/checkpoint/test_materialise.py"),
    "F7": ("similarity, routes, default prompt", "tests/checkpoint/test_zoo.py"),
    "F8": ("vectors and their neighbours", "tests/checkpoint/test_zoo.py"),
    "F9": ("numbers in answers", "tests/kinds/lm_eval/test_numbers.py"),
    "F10": ("multiple-choice targets", "tests/kinds/lm_eval/test_choices.py"),
    "F11": ("groups within groups", "tests/importers/test_lm_eval_statements.py"),
    "F12": ("stated settings", "tests/importers/test_lm_eval_statements.py"),
    "F13": ("units, NaN, limits", "tests/importers/test_lm_eval_statements.py"),
    "F14": ("mixed types in JSON", "tests/kinds/lm_eval/test_own_items.py"),
    "F15": ("which code is run", "tests/kinds/lm_eval/test_programs.py"),
    "F16": ("positions of RoBERTa", "tests/checkpoint/test_zoo.py"),
    "F17": ("own files, judgements, experiments", "tests/kinds/lm_eval/test_own_files.py"),
}
"""Group → what it is about, and the test that holds it."""


INTRO: Final = """\
# Cases

**{good} of {groups} groups** of ordinary inputs that once gave a wrong number are right, or refused
in one line, through the command line. Written by `bench/cases.py`, which builds each input."""


def all_cases() -> dict[str, Case]:
    """Group → what tries it, in order."""
    import cases_data
    import cases_imports
    import cases_models

    found = {**cases_imports.CASES, **cases_data.CASES, **cases_models.CASES}
    return {name: found[name] for name in ABOUT}


def tried(case: Case, folder: Path) -> list[Found]:
    """What a group asks for and what came of it."""
    folder.mkdir()
    line = Line(folder)
    try:
        case(line)
    except Exception as error:  # noqa: BLE001 - it stands in the report
        said = f"{type(error).__name__}: {error}"
        line.found.append(Found("the case runs to its end", "WRONG", said))
    return line.found


def page(rows: list[dict[str, Any]]) -> str:
    """The report."""
    groups = {row["group"] for row in rows}
    good = [
        name for name in groups if all(r["outcome"] != "WRONG" for r in rows if r["group"] == name)
    ]
    lines = [INTRO.format(good=len(good), groups=len(groups))]
    for name, (about, test) in ABOUT.items():
        mine = [row for row in rows if row["group"] == name]
        if not mine:
            continue
        lines += ["", f"## {name}: {about}", "", f"Test: [{test}](../../{test})", ""]
        lines += ["| asked | outcome | seen |", "|---|---|---|"]
        lines += [
            f"| {row['asked']} | {row['outcome']} | {row['seen'][:300].replace('|', '¦')} |"
            for row in mine
        ]
    return "\n".join(lines) + "\n"


def kept(without: set[str]) -> list[dict[str, Any]]:
    """The rows of the last report, but for some groups."""
    file = REPORTS / "cases.json"
    rows = json.loads(file.read_text("utf-8"))["rows"] if file.is_file() else []
    return [row for row in rows if row["group"] not in without]


def main() -> int:
    """Try all groups, or those that are named."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"  # before a library reads it
    only = sys.argv[1:]
    rows = []
    with tempfile.TemporaryDirectory() as root:
        for name, case in all_cases().items():
            if only and name not in only:
                continue
            started = time.monotonic()
            for found in tried(case, Path(root) / name):
                seen = found.seen.replace(f"{root}/{name}/", "").replace(root, "")
                row = {"group": name, "asked": found.asked, "outcome": found.outcome, "seen": seen}
                rows.append(row)
                print(f"{name:<4} {found.outcome:<8} {found.asked}: {seen}", flush=True)
            print(f"{name:<4} {time.monotonic() - started:.0f} s", flush=True)
    wrong = sum(row["outcome"] == "WRONG" for row in rows)
    print(f"{len(rows)} asked, {wrong} wrong")
    rows += kept(without={row["group"] for row in rows})
    write_json(REPORTS / "cases.json", {"rows": rows})
    (REPORTS / "cases.md").write_text(page(rows), encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
