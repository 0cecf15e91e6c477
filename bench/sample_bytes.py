"""What the texts of samples add to a store: bytes of a second checkpoint on the same data.

``python bench/sample_bytes.py [DATA]`` evaluates the two demo checkpoints on the suite
``smoke-embedding``.
With a mirror of the hub's data sets, two counts of words, of whole texts and of their beginnings,
take the place of checkpoints on tasks of mteb: models would take long, and what samples take hardly
depends on them. Beside what each score takes stands what it would
take without texts: the same record and samples without what refers to them. Writes
``reports/bench/sample_bytes.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common import (
    EVALSUITE,
    REPORTS,
    Goal,
    Spread,
    environment,
    facts,
    goal_lines,
    machine_line,
    publish,
    timed,
)
from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.kinds.base import Context
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from evalsuite.run.options import Resolved
from evalsuite.run.records import scored_record
from evalsuite.schema import Signature, digest
from evalsuite.store import Store
from mteb_tasks import Words

ADDED = ("similarities", "member_clusters")
"""Columns of embedding samples that came with the texts."""

GOAL, PART = 1.3, 0
HUB = ("STSBenchmark", "SciFact", "Banking77Classification")
ABOUT = (
    "A second checkpoint on data that the store holds already, with the texts that its samples "
    "refer to, over the same record and samples without them."
)
QUICK = ("smoke-sts", "smoke-retrieval", "smoke-clustering")


@dataclass(frozen=True)
class Taken:
    """Bytes of one task's scores."""

    task: str
    without: int
    """Of the second checkpoint's record and samples, without texts."""
    second: int
    """Of the second checkpoint, with what it adds to the texts."""
    texts: int
    """Of the texts, once."""

    @property
    def ratio(self) -> float:
        """With texts over without."""
        return self.second / self.without


def run(store: Path, work: Path, *options: str) -> None:
    """Evaluate; the caches are the demo's own."""
    command = [*EVALSUITE, "run", "--out", str(store), *options]
    timed(command, environment(work))


class Beginnings(Words):
    """Words of the beginnings of texts."""

    def encode(self, texts: list[str], prefix: str = "", progress: Any = None) -> Any:
        """Embed all texts."""
        return super().encode([" ".join(text.split()[:8]) for text in texts], prefix, progress)


def evaluate_hub(store: Path, work: Path, data: Path) -> None:
    """Store the scores of two encoders on tasks of mteb."""
    for encoder in (Words(), Beginnings()):
        for task_name in HUB:
            evaluate(encoder, task_name, store, work, data)


def evaluate(encoder: Words, task_name: str, store: Path, work: Path, data: Path) -> None:
    """Store the score of one encoder on one task of mteb."""
    name = type(encoder).__name__.lower()
    checkpoint = Checkpoint(
        name=name,
        source=name,
        path=Path(name),
        fingerprint=digest(name),
        kind="encoder",
        evidence=(),
        embedding=EmbeddingProtocol(engine="transformers"),
        chat=None,
    )
    task = make_task(name=f"mteb:{task_name}", kind="mteb", source=task_name)
    folder = work / name / task_name
    folder.mkdir(parents=True)
    context = Context(checkpoint=checkpoint, workdir=folder, options=Resolved(data_root=data))
    found = MtebHarness().evaluate(task, encoder, context)
    signature = Signature(
        task=task.name,
        task_hash=task.hash,
        world="embedding",
        harness="mteb",
        engine="transformers",
        device="cpu",
        dtype="float32",
    )
    record = scored_record(checkpoint, task, signature, found, 1.0)
    Store(store).put(record, found.samples, found.texts)


def taken(store: Path) -> Iterator[Taken]:
    """Of each task that two checkpoints were scored on, what its scores take."""
    by_task: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path in store.glob("*/*.r*.json"):
        record = json.loads(path.read_text())
        by_task.setdefault(record["signature"]["task"], []).append((path, record))
    for task, found in sorted(by_task.items()):
        if len(found) < 2:
            continue
        first, second = sorted(found, key=lambda one: one[1]["created"])[:2]
        path, record = second
        known = first[1]["samples"]["texts"]
        news = [name for name in record["samples"]["texts"] if name not in known]
        samples = path.parent / record["samples"]["file"]
        own = path.stat().st_size + samples.stat().st_size
        yield Taken(
            task=task,
            without=_without_texts(record, samples),
            second=own + sum((store / "texts" / name).stat().st_size for name in news),
            texts=sum((store / "texts" / name).stat().st_size for name in known),
        )


def _without_texts(record: dict[str, Any], samples: Path) -> int:
    """Bytes of a record and its samples as they were before there were texts."""
    reference = {k: v for k, v in record["samples"].items() if k != "texts"}
    plain = json.dumps({**record, "samples": reference}, indent=1, ensure_ascii=False) + "\n"
    table = pq.read_table(samples)
    if record["task"]["kind"] == "mteb":
        table = table.drop_columns([name for name in ADDED if name in table.column_names])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return len(plain.encode()) + sink.getvalue().size


def page(found: list[Taken]) -> list[str]:
    """A row a task."""
    lines = [
        "| task | second checkpoint without texts | with texts | | texts, once |",
        "|---|---:|---:|---:|---:|",
    ]
    for one in found:
        sizes = f"{one.without / 1024:.1f} KiB | {one.second / 1024:.1f} KiB"
        lines.append(f"| {one.task} | {sizes} | {one.ratio:.2f} × | {one.texts / 1024:.1f} KiB |")
    return lines


def main() -> None:
    """Evaluate, count, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="a mirror of the hub's data sets")
    parser.add_argument("--quick", action="store_true", help="a small try, not for quoting")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="folder to write to")
    options = parser.parse_args()
    about = facts(quick=options.quick)
    work = Path(tempfile.mkdtemp(prefix="sample-bytes-"))
    smoke = (
        ["--tasks", ",".join(QUICK), "--limit", "20"]
        if options.quick
        else ["--suite", "smoke-embedding"]
    )
    try:
        stores = [work / "smoke"]
        run(stores[0], work, "--ckpt", "demo:minilm", "--ckpt", "demo:smollm2", *smoke)
        if options.data is not None and not options.quick:
            stores.append(work / "hub")
            evaluate_hub(stores[1], work, options.data.resolve())
        found = [one for store in stores for one in taken(store)]
    finally:
        shutil.rmtree(work)
    total = sum(one.second for one in found) / sum(one.without for one in found)
    worst = max(found, key=lambda one: one.ratio)
    goals = [
        Goal(PART, what, GOAL, Spread.of([value]), "×", "lower")
        for what, value in (
            ("a second checkpoint, all tasks", total),
            (f"the most of one task ({worst.task})", worst.ratio),
        )
    ]
    tried = " **A quick try on little data: no figure to quote.**" if options.quick else ""
    lines = [
        "# Bytes of samples with texts",
        "",
        f"{ABOUT} {machine_line()}.{tried}",
        "",
        *goal_lines(goals),
        "",
        *page(found),
        "",
        "`python bench/sample_bytes.py DATA`",
    ]
    tasks = [{**asdict(one), "ratio": one.ratio} for one in found]
    publish("sample_bytes", {**about, "tasks": tasks}, goals, lines, options.reports)


if __name__ == "__main__":
    main()
