"""Every text benchmark of mteb as a suite, against mteb's own members and aggregation.

For each benchmark: the tasks of the suite ``mteb:NAME`` with their splits and subsets are compared
with those of ``mteb.get_benchmark(NAME)``; then the same made-up scores of four models (some of
them equal, one model without its last task) go through ``Benchmark.get_score`` and through
evalsuite's table. Writes ``reports/bench/mteb_benchmarks.{md,json}``::

    python bench/mteb_benchmarks.py            (--quick: five benchmarks, nothing is written)

Ends with 1 if one differs.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from common import REPORTS, write_json
from evalsuite.kinds.mteb.benchmarks import text_benchmarks
from evalsuite.kinds.mteb.scope import scope_of
from evalsuite.kinds.mteb.task import MtebTask
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.tables.build import build_table
from evalsuite.schema import CheckpointRef, Record, Signature, digest

ALLOWED = 1e-12
MODELS = ("one", "two", "three", "four")
LACKING = "four"
"""The model without its last task."""
OVERALL = ("Rank", "Mean(Task)", "Mean(TaskType)", "Mean(Subset)")
"""What such a model has not."""
PUBLIC = "Mean(Public)"
QUICK = ("BEIR", "HUME(v1)", "LongEmbed", "MTEB(Europe, v1)", "RTEB(fin, beta)")
PAGE = """\
# The text benchmarks of mteb, as suites

mteb {version}. Written by `bench/mteb_benchmarks.py`: {count} benchmarks, **{wrong} with a \
difference**. *Parts*: pairs of split and subset. *Numbers*: aggregates of four models with \
made-up scores that were compared (means, ranks, columns of task types and groups), at most \
{allowed:.0e} apart.

| Benchmark | Tasks | Parts | Numbers | Differences |
|---|---:|---:|---:|---|
{rows}
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one benchmark."""

    name: str
    tasks: int
    parts: int
    numbers: int
    differences: tuple[str, ...]


def compare(name: str, registry: Registry) -> Compared:
    """Compare a benchmark with its suite."""
    import mteb

    benchmark = mteb.get_benchmark(name)
    suite = registry.suite(f"mteb:{name}")
    tasks = [task for task in registry.suite_tasks(suite) if isinstance(task, MtebTask)]
    differences = list(_members(benchmark, tasks))
    found, of_mteb = _aggregates(benchmark, suite, tasks)
    for key in sorted({*found, *of_mteb}):
        ours, theirs = found.get(key), of_mteb.get(key)
        same = ours == theirs or (
            ours is not None and theirs is not None and abs(ours - theirs) <= ALLOWED
        )
        if not same:
            differences.append(f"{' '.join(key)}: {ours}, mteb {theirs}")
    scopes = [scope_of(task) for task in tasks]
    return Compared(
        name=name,
        tasks=len(benchmark.tasks),
        parts=sum(len(scope.splits) * len(scope.subsets) for scope in scopes),
        numbers=len(found),
        differences=tuple(differences),
    )


def _leaves(benchmark: Any) -> Iterator[Any]:
    for task in benchmark.tasks:
        yield from getattr(task, "tasks", None) or [task]


def _members(benchmark: Any, tasks: list[MtebTask]) -> Iterator[str]:
    """Differences in tasks, splits and subsets."""
    ours = {
        str(task.source): (set(scope.splits), set(scope.subsets))
        for task in tasks
        for scope in (scope_of(task),)
    }
    theirs = {
        task.metadata.name: (set(task.eval_splits), set(task.hf_subsets))
        for task in _leaves(benchmark)
    }
    yield from (f"task {name}" for name in sorted(ours.keys() ^ theirs.keys()))
    yield from (
        f"parts of {name}" for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]
    )


Key = tuple[str, str]
"""Model and column."""


def _aggregates(
    benchmark: Any, suite: Suite, tasks: list[MtebTask]
) -> tuple[dict[Key, float | None], dict[Key, float | None]]:
    """The aggregates of all models, as evalsuite's table and as mteb have them."""
    from mteb.benchmarks.benchmark import BenchmarkAggregation
    from mteb.results import BenchmarkResults, ModelResult

    by_source = {str(task.source): task for task in tasks}
    records, models = [], []
    for model in MODELS:
        results = _made_up(benchmark, model)
        whole = [results.get(task.metadata.name) or _combined(task, results) for task in benchmark]
        if model == LACKING:
            last = benchmark.tasks[-1]
            whole.pop()
            for leaf in getattr(last, "tasks", None) or [last]:
                del results[leaf.metadata.name]
        models.append(ModelResult(model_name=model, model_revision="r", task_results=whole))
        records += [_record(model, by_source[name], one) for name, one in results.items()]
    scores = benchmark.get_score(BenchmarkResults(model_results=models))
    table = build_table(records, suite)
    labels = [(section.title, head.label) for section in table.sections for head in section.columns]
    ours = {
        (row.name, _key(title, label)): _value(label, cell.value)
        for row in table.rows
        for (title, label), cell in zip(labels, row.cells, strict=True)
    }
    theirs = {(model, key): value for model, of in scores.items() for key, value in of.items()}
    public = BenchmarkAggregation.PUBLIC_PRIVATE
    for one in models:
        if any(not task.metadata.is_public for task in benchmark.tasks):
            theirs[one.model_name, PUBLIC] = public.aggregate(one.task_results)[PUBLIC]
    # mteb gives a model that lacks a task nothing but the last rank; a table shows what it has.
    empty = {key: None for key in ours if key[0] == LACKING and key[1] in OVERALL}
    ours = {key: value for key, value in ours.items() if key[0] != LACKING or key in empty}
    return ours, {key: one for key, one in theirs.items() if key[0] != LACKING} | empty


def _key(title: str, label: str) -> str:
    """What mteb calls a column."""
    if label == "Rank (Borda)":
        return "Rank"
    if title == "Benchmark":
        return label.replace(" (", "(")
    return label.replace(" ", "") if title == "Task types" else f"{title}::{label}"


def _value(label: str, value: float | None) -> float | None:
    return value if value is None or label.startswith("Rank") else value / 100


def _made_up(benchmark: Any, model: str) -> dict[str, Any]:
    """Results of a model on the tasks that are evaluated; scores of models are equal at times."""
    from mteb.results import TaskResult

    found = {}
    for task in _leaves(benchmark):
        rng = random.Random(f"{task.metadata.name} {MODELS.index(model) // 2}")
        if rng.random() < 0.8:  # else the same as the other model of its pair
            rng = random.Random(f"{task.metadata.name} {model}")
        scores = {
            split: {subset: {"main_score": round(rng.random(), 3)} for subset in task.hf_subsets}
            for split in task.eval_splits
        }
        found[task.metadata.name] = TaskResult.from_task_results(task, scores, evaluation_time=1.0)
    return found


def _combined(task: Any, results: Mapping[str, Any]) -> Any:
    """The result of a task that is the mean of others."""
    return task.combine_task_results([results[one.metadata.name] for one in task.tasks])


@cache
def _reference(model: str) -> CheckpointRef:
    return CheckpointRef(name=model, fingerprint=digest(model), source=model, kind="st")


def _record(model: str, task: MtebTask, result: Any) -> Record:
    """The record of a made-up result, with mteb's score of it."""
    signature = Signature(
        task=task.name,
        task_hash=task.hash,
        world="embedding",
        harness=f"mteb {version('mteb')}",
        engine="made up",
        device="cpu",
        dtype="float32",
        data="0" * 64,
    )
    return Record(
        status="scored",
        checkpoint=_reference(model),
        task=task.model_dump(mode="json", exclude_defaults=True),
        signature=signature,
        main_metric="accuracy",
        score=float(result.get_score()),
        raw={"scores": result.to_dict()["scores"]},
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


def main() -> int:
    """Compare all, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="five benchmarks, nothing is written")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    registry = Registry.load()
    found = [compare(name, registry) for name in (QUICK if quick else text_benchmarks())]
    rows = [
        f"| {one.name} | {one.tasks} | {one.parts:,} | {one.numbers:,} | "
        f"{'; '.join(one.differences[:3]) or 'none'} |"
        for one in found
    ]
    wrong = [one.name for one in found if one.differences]
    page = PAGE.format(
        version=version("mteb"),
        count=len(found),
        wrong=len(wrong),
        allowed=ALLOWED,
        rows="\n".join(rows),
    )
    if not quick:
        (REPORTS / "mteb_benchmarks.md").write_text(page)
        plain = [{"name": one.name, "differences": one.differences} for one in found]
        write_json(REPORTS / "mteb_benchmarks.json", {"mteb": version("mteb"), "benchmarks": plain})
    print(re.sub(r"\n{3,}", "\n\n", page))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
