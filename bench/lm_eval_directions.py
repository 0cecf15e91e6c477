"""Direction and unit of every main metric of lm-eval's tasks, against lm-eval's own statements.

The configs of all of lm-eval's tasks are read. What each states of its first metric (else what
lm-eval's registry says of it) is written into a result file as lm-eval writes one, and evalsuite
imports it: the record's direction must be the stated one. The file is imported a second time
without its statements, as early versions of lm-eval wrote it: a direction may be unknown then, and
must never be the opposite. Units are those of what lm-eval's own aggregations give for the best
and the worst answers. Writes ``reports/bench/lm_eval_directions.{md,json}``::

    python bench/lm_eval_directions.py

Ends with 1 if one differs.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common import REPORTS, write_json
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.kinds.lm_eval.configs import FunctionName, full_config
from evalsuite.kinds.lm_eval.facts import main_metric
from evalsuite.kinds.lm_eval.names import load_index
from evalsuite.registry.load import Registry
from evalsuite.schema import Record

ROWS = 20
"""Metrics that the page lists by name; all are in the JSON file."""
PAGE = """\
# Directions and units of lm-eval's metrics

lm-eval {version}: the configs of all tasks; {all} name a main metric, {by_code} score by their own
code alone. Written by `bench/lm_eval_directions.py`.

- Imported with lm-eval's statements: **{differing} differ** in direction or unit. {stated} state a
  direction, {lower} of them that lower is better.
- Imported without them, as early versions of lm-eval wrote files: the direction of {unknown} is
  unknown, of {opposite} the opposite ({of}).
- The unit of {known} is what lm-eval's aggregation gives for the best and the worst answers;
  the others are scored by functions of their own, and the metric's name says it.
"""
BEST_AND_WORST: dict[str, tuple[list[Any], list[Any]]] = {
    "mean": ([1.0, 1.0], [0.0, 0.0]),
    "f1": ([(1, 1), (0, 0)], [(1, 0), (0, 1)]),
    "matthews_corrcoef": ([(1, 1), (0, 0)], [(1, 0), (0, 1)]),
    "brier_score": ([(0, [1.0, 0.0])], [(0, [0.0, 1.0])]),
    "bleu": ([("a b c d e", "a b c d e")], [("a b c d e", "v w x y z")]),
    "chrf": ([("a b c d e", "a b c d e")], [("a b c d e", "v w x y z")]),
    "chrf++": ([("a b c d e", "a b c d e")], [("a b c d e", "v w x y z")]),
    "ter": ([("a b c d e", "a b c d e")], [("a b c d e", "v w x y z")]),
    "perplexity": ([0.0], [-20.0]),
    "weighted_perplexity": ([(0.0, 1)], [(-20.0, 1)]),
    "bits_per_byte": ([(0.0, 1)], [(-20.0, 1)]),
}
"""lm-eval's aggregation → answers to it, as good and as bad as can be."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What lm-eval states of a task's main metric."""

    task: str
    metric: str
    higher: bool | None
    aggregation: str | None
    """By which lm-eval makes one score of all samples'; ``None`` where the task's own code does."""


def stated() -> Iterator[Stated]:
    """The main metric of every task whose file names one; the others score by their own code."""
    from lm_eval.api.registry import is_higher_better

    for entry in load_index().values():
        if entry.kind not in ("TASK", "PY_TASK") or entry.path is None:
            continue
        first = main_metric(full_config(entry.path))
        if first is None or entry.kind == "PY_TASK":
            continue
        name, higher = str(first["metric"]), first.get("higher_is_better")
        own = isinstance(first["metric"], FunctionName)
        if own:
            name = name.rpartition(".")[2]
        if higher is None:
            higher = is_higher_better(name)
        yield Stated(entry.name, name, higher, None if own else _aggregation(name, first))


def _aggregation(metric: str, first: dict[str, Any]) -> str | None:
    """Name of the aggregation of a metric that lm-eval's registry defines."""
    from lm_eval.api.registry import AGGREGATION_REGISTRY, METRIC_AGGREGATION_REGISTRY

    usual = METRIC_AGGREGATION_REGISTRY.get(metric, None)
    known = next((name for name, one in AGGREGATION_REGISTRY.items() if one is usual), None)
    given = first.get("aggregation", known)
    # The mean of what a task's own code makes of a sample may be in any unit.
    return known if type(given) is str and (given != "mean" or known == "mean") else None


def imported(tasks: list[Stated], folder: Path, *, with_statements: bool) -> dict[str, Record]:
    """Task → its record, imported from a result file of lm-eval's form."""
    content: dict[str, Any] = {
        "results": {one.task: {f"{one.metric},none": 0.5} for one in tasks},
        "configs": {},
        "config": {"model": "hf", "model_args": "pretrained=org/m", "limit": None},
        "lm_eval_version": version("lm-eval"),
    }
    if with_statements:
        stated_here = {one.task: {one.metric: one.higher} for one in tasks}
        content["higher_is_better"] = stated_here
    file = folder / "results_2026-01-02T03-04-05.678901.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    found = read_lm_eval(file, Registry())
    return {record.signature.task.partition(":")[2]: record for record, _ in found.records}


def unit_of(aggregation: str | None) -> str | None:
    """``percent``, ``fraction`` or ``other`` by what lm-eval's aggregation gives."""
    from lm_eval.api.registry import AGGREGATION_REGISTRY

    if aggregation not in BEST_AND_WORST:
        return None
    function = AGGREGATION_REGISTRY[aggregation]
    values = [abs(float(function(items))) for items in BEST_AND_WORST[aggregation]]
    if max(values) > 2.5:
        return "percent" if round(max(values)) == 100 else "other"
    return "fraction"


def rows(tasks: list[Stated], folder: Path) -> list[dict[str, Any]]:
    """What is stated and what evalsuite records; a row for all tasks in which both are alike."""
    told = imported(tasks, folder, with_statements=True)
    untold = imported(tasks, folder, with_statements=False)
    words = {True: "higher", False: "lower", None: None}
    units = {name: unit_of(name) for name in {one.aggregation for one in tasks}}
    names: dict[tuple[str | None, ...], list[str]] = {}
    for one in tasks:
        record, by_name = told[one.task], untold[one.task].direction
        alike = (one.metric, words[one.higher], record.direction, by_name, record.unit)
        names.setdefault((*alike, units[one.aggregation]), []).append(one.task)
    keys = ("metric", "stated", "recorded", "by_name", "unit", "unit_by_aggregation")
    found = []
    for alike, some in sorted(names.items(), key=lambda pair: -len(pair[1])):
        row = dict(zip(keys, alike, strict=True))
        same = row["recorded"] == (row["stated"] or row["by_name"])
        same &= row["unit_by_aggregation"] in (None, row["unit"])
        found.append({**row, "tasks": len(some), "first": some[0], "same": same})
    return found


def page(found: list[dict[str, Any]], by_code: int) -> str:
    """The report."""

    def tasks(rows: Iterable[dict[str, Any]]) -> int:
        return sum(row["tasks"] for row in rows)

    differing = [row for row in found if not row["same"]]
    opposite = [
        row for row in found if row["stated"] and row["by_name"] not in (None, row["stated"])
    ]
    intro = PAGE.format(
        version=version("lm-eval"),
        all=f"{tasks(found):,}",
        by_code=by_code,
        differing=tasks(differing),
        stated=f"{tasks(row for row in found if row['stated']):,}",
        lower=tasks(row for row in found if row["stated"] == "lower"),
        unknown=tasks(row for row in found if row["by_name"] is None),
        opposite=tasks(opposite),
        of=", ".join(f"`{row['first']}`" for row in opposite) or "none",
        known=f"{tasks(row for row in found if row['unit_by_aggregation']):,}",
    )
    lines = [intro, "| main metric | better | unit | tasks |", "|---|---|---|---:|"]
    lines += [
        f"| `{row['metric']}` | {row['recorded'] or 'unknown'} | {row['unit']} | {row['tasks']:,} |"
        for row in found[:ROWS]
    ]
    if rest := found[ROWS:]:
        lines.append(f"| {len(rest)} others | | | {tasks(rest):,} |")
    lines += [f"- differs: {row}" for row in differing]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Read all configs, import, and write the report."""
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    tasks = list(stated())
    all_of_them = sum(entry.kind in ("TASK", "PY_TASK") for entry in load_index().values())
    with tempfile.TemporaryDirectory() as folder:
        found = rows(tasks, Path(folder))
    write_json(REPORTS / "lm_eval_directions.json", {"lm_eval": version("lm-eval"), "rows": found})
    text = page(found, all_of_them - len(tasks))
    (REPORTS / "lm_eval_directions.md").write_text(text, encoding="utf-8")
    print(text)
    return int(not all(row["same"] for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
