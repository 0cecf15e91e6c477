"""A small store with samples, for tests of the HTML report."""

from __future__ import annotations

from typing import Any

from evalsuite.data import SampleTable
from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from evalsuite.report.page.collect import PageData, collect
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.records import record

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '<img src=x onerror="window.hacked = 3">',
    '<a href="javascript:window.hacked = 4">click</a>',
    "\u202egnp.exe\u2066 reversed",
    "broken \ud800 half",
    "line\u2028separator and \x1b[31mescape\x00",
    "]]><!-- --> <!-- <script>",
    "&lt;b&gt; &amp;amp;",
    "x" * 1_000_000,
    "<svg/onload=window.hacked=5>",
    "\u0628\u0647 \u062e\u0648\u0634 \u0622\u0645\u062f\u06cc\u062f",
)
"""What a model may answer."""

NUMBER = 30
"""Samples of each task."""


def samples(task: str, world: str, flip: int) -> list[dict[str, Any]]:
    """Samples of which every ``flip``-th is wrong; generative ones answer what is hostile."""
    rows: list[dict[str, Any]] = []
    for number in range(NUMBER):
        score = float(number % flip != 0)
        if world == "embedding":
            rows.append(
                {
                    "sample": str(number),
                    "subset": "default",
                    "gold": number % 7,
                    "predictions": [number % 7, 1],
                    "score": score,
                }
            )
        else:
            answer = HOSTILE[number % len(HOSTILE)]
            rows.append(
                {
                    "sample": f"{task}/{number}",
                    "score": score,
                    "prompt": f"<|user|>\nQuestion {number}?\n<|assistant|>\n",
                    "target": str(number),
                    "response": answer,
                    "extracted": answer[:20],
                    "parsed": number % 3 > 0,
                    "problem": None if number % 5 else "truncated: the answer ended too soon",
                    "logprobs": "",
                }
            )
    return rows


def make_records(names: tuple[str, ...] = ("left", "right")) -> list[tuple[Record, int]]:
    """Records of the suite ``smoke``, each with the ``flip`` of its samples."""
    registry = Registry.load()
    found = []
    for number, name in enumerate(names):
        flip = number + 2
        for task in registry.suite_tasks(registry.suite("smoke")):
            rows = samples(task.name, kind_of(task).world, flip)
            score = sum(row["score"] for row in rows) / len(rows)
            about = {
                "checkpoint": name,
                "harness": "h 1",
                "engine": "e 1",
                "stderr": 0.05,
                "n": NUMBER,
                "environment": {"python": "3.11", "packages": {"evalsuite": "0.1.0"}},
            }
            found.append((record(task, score, **about), flip))
    return found


def fill(store: Store, records: list[tuple[Record, int]]) -> None:
    """Write records with their samples."""
    for made, flip in records:
        signature = made.signature
        rows = samples(signature.task, signature.world, flip) if made.score is not None else []
        store.put(made, _writable(rows))


def _writable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as Parquet can hold them: without lone surrogates."""
    return [
        {k: v.replace("\ud800", "") if isinstance(v, str) else v for k, v in row.items()}
        for row in rows
    ]


def gathered(made: list[tuple[Record, int]], **options: Any) -> PageData:
    """What a page shows of records and their samples, without a store."""
    registry = Registry.load()
    flips = {one.signature.plan_key + one.checkpoint.name: flip for one, flip in made}

    def load(one: Record) -> SampleTable:
        flip = flips[one.signature.plan_key + one.checkpoint.name]
        return SampleTable.of(_writable(samples(one.signature.task, one.signature.world, flip)))

    categories = {name: task.category for name, task in registry.tasks.items()}
    with_samples = [
        one.model_copy(update={"samples": {"file": "f", "rows": 1, "sha256": ""}})
        for one, _ in made
    ]
    return collect(with_samples, registry.suite("smoke"), categories, load, **options)
