"""A made-up store of a hundred checkpoints, to time what reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from evalsuite.kinds.table import kind_of
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.schema import CheckpointRef, Record, Signature, digest
from evalsuite.store import Store, slug

SUITE = "grit"
ITEMS = 300
ENVIRONMENT = {"packages": {f"package-{n}": f"1.{n}.0" for n in range(12)}, "python": "3.11"}


def make_store(root: Path, checkpoints: int = 100) -> int:
    """Write scores of all tasks of the suite ``grit``; the first two checkpoints have samples.

    Returns:
        The number of records.
    """
    registry = Registry.load()
    tasks = registry.suite_tasks(registry.suite(SUITE))
    rng = np.random.default_rng(11)
    store = Store(root)
    store.prepare()
    for number in range(checkpoints):
        ref = CheckpointRef(
            name=f"model-{number}",
            fingerprint=digest(number),
            source=f"model-{number}",
            kind="grit",
            step=100 * number,
        )
        folder = root / f"{slug(ref.name)}-{ref.fingerprint[:8]}"
        folder.mkdir(exist_ok=True)
        for task in tasks:
            right = rng.random(ITEMS) < 0.6
            record = _record(ref, task, float(right.mean()))
            if number < 2:
                samples = [{"sample": str(i), "score": float(r)} for i, r in enumerate(right)]
                store.put(record, samples)
            else:  # not through the store, which waits for the disk after each record
                stem = f"{slug(task.name)}.{record.signature.plan_key[:8]}"
                (folder / f"{stem}.r1.json").write_text(record.model_dump_json(indent=1))
    return checkpoints * len(tasks)


def _record(ref: CheckpointRef, task: Task, score: float) -> Record:
    return Record(
        status="scored",
        checkpoint=ref,
        task=task.model_dump(mode="json", exclude_defaults=True),
        signature=Signature(
            task=task.name,
            task_hash=task.hash,
            world=kind_of(task).world,
            harness="mteb 2.26" if kind_of(task).world == "embedding" else "lm-eval 0.4",
            engine="transformers 5",
            device="cpu",
            dtype="float32",
            data="0" * 64,
        ),
        main_metric="accuracy",
        score=score,
        stderr=0.028,
        n=ITEMS,
        metrics={f"metric_{n}": score for n in range(20)},
        environment=ENVIRONMENT,
        raw={"scores": {f"metric_{n}": score for n in range(20)}},
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
