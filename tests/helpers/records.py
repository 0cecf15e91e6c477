"""The one factory of records: as a run would write them, with scores that the test chooses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.table import kind_of
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.run.records import scored_record
from evalsuite.schema import CheckpointRef, DataInfo, Record, Signature, digest

EMBEDDING: dict[str, Any] = {
    "harness": "mteb 2.26.24",
    "engine": "sentence-transformers 6.2.0",
    "max_length": 256,
    "instructions": "none",
    "attention": "bidirectional",
    "pooling": "mean",
    "normalize": True,
}
GENERATIVE: dict[str, Any] = {
    "harness": "lm-eval 0.4.13",
    "engine": "vllm 0.32.0",
    "max_length": 2048,
    "chat_template": "none",
    "shots": 0,
    "sampling": "task",
    "dtype": "bfloat16",
    "prefix_caching": False,
}
START = datetime(2026, 1, 1, tzinfo=UTC)

Rows = list[dict[str, Any]]


def signature(task: Task | str = "t", world: str = "embedding", **over: Any) -> Signature:
    """How a score of ``task`` came to be; ``over`` replaces fields."""
    if isinstance(task, Task):
        name, hashed, world = task.name, task.hash, kind_of(task).world
    else:
        name, hashed = task, digest(task)
    fields = {
        "task": name,
        "task_hash": hashed,
        "world": world,
        "device": "cpu",
        "dtype": "float32",
        "data": digest([name, "data"]),
        **(EMBEDDING if world == "embedding" else GENERATIVE),
    }
    return Signature.model_validate({**fields, **over})


def record(
    task: Task | str = "t",
    score: float | None = 0.5,
    *,
    checkpoint: str | CheckpointRef = "m",
    fingerprint: str | None = None,
    category: str | None = None,
    metric: str = "accuracy",
    age: int = 0,
    **over: Any,
) -> Record:
    """A record of ``checkpoint`` on ``task``: scored, or failed where ``score`` is ``None``.

    Args:
        age: Minutes after the first record.
        over: Fields of the record or of its signature; a hash as ``data`` is the signature's.
    """
    own = set(Record.model_fields)
    if not isinstance(over.get("data"), DataInfo):
        own.discard("data")
    about = {key: over.pop(key) for key in tuple(over) if key in own}
    if isinstance(checkpoint, str):
        hashed = fingerprint or digest(checkpoint)
        checkpoint = CheckpointRef(
            name=checkpoint, fingerprint=hashed, source=checkpoint, kind="grit"
        )
    fields: dict[str, Any] = {
        "status": "failed" if score is None else "scored",
        "checkpoint": checkpoint,
        "task": task.model_dump(mode="json", exclude_defaults=True)
        if isinstance(task, Task)
        else {"name": task, "category": category},
        "signature": signature(task, **over),
        "main_metric": metric,
        "score": score,
        "n": 100,
        "metrics": {} if score is None else {metric: score},
        "reason": "out of memory" if score is None else None,
        "created": START + timedelta(minutes=age),
    }
    return Record.model_validate(fields | about)


def evaluated(evaluation: Evaluation, task: Task, checkpoint: Checkpoint) -> Record:
    """The record that a run makes of an evaluation."""
    return scored_record(checkpoint, task, signature(task), evaluation, 1.0)


def scored(values: Any, **columns: Any) -> Rows:
    """Samples with these scores, and further columns."""
    return [
        {"sample": str(i), "score": float(value), **{key: c[i] for key, c in columns.items()}}
        for i, value in enumerate(values)
    ]


def suite_records() -> list[Record]:
    """Checkpoints ``left`` and ``right`` on the suite ``smoke``; task n scores n/20 and n/25."""
    registry = Registry.load()
    tasks = registry.suite_tasks(registry.suite("smoke"))
    return [
        record(task, number / divisor, checkpoint=name, stderr=0.01)
        for name, divisor in (("left", 20), ("right", 25))
        for number, task in enumerate(tasks)
    ]
