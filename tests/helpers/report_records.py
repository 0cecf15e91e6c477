"""Synthetic records, as a run would write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from evalsuite.schema import CheckpointRef, Record, Signature, digest

EMBEDDING: dict[str, Any] = {
    "harness": "mteb 2.26.24",
    "engine": "sentence-transformers 6.2.0",
    "device": "cpu",
    "dtype": "float32",
    "max_length": 256,
    "instructions": "none",
    "attention": "bidirectional",
    "pooling": "mean",
    "normalize": True,
}
GENERATIVE: dict[str, Any] = {
    "harness": "lm-eval 0.4.13",
    "engine": "vllm 0.32.0",
    "device": "cpu",
    "dtype": "bfloat16",
    "max_length": 2048,
    "chat_template": "none",
    "shots": 0,
    "sampling": "task",
    "prefix_caching": False,
}
START = datetime(2026, 1, 1, tzinfo=UTC)


class MakeRecord(Protocol):
    """Signature of :func:`record`."""

    def __call__(
        self,
        checkpoint: str,
        task: str,
        score: float | None = 0.5,
        *,
        world: str = "embedding",
        fingerprint: str | None = None,
        category: str | None = None,
        age: int = 0,
        reason: str | None = None,
        status: str | None = None,
        stderr: float | None = None,
        percent: bool = True,
        metric: str = "accuracy",
        **signature: Any,
    ) -> Record: ...


def record(
    checkpoint: str,
    task: str,
    score: float | None = 0.5,
    *,
    world: str = "embedding",
    fingerprint: str | None = None,
    category: str | None = None,
    age: int = 0,
    reason: str | None = None,
    status: str | None = None,
    stderr: float | None = None,
    percent: bool = True,
    metric: str = "accuracy",
    **signature: Any,
) -> Record:
    """A record as a run would write it; ``age`` minutes after the first one."""
    base = EMBEDDING if world == "embedding" else GENERATIVE
    known = {"task_hash": digest(task), "data": digest([task, "data"])}
    return Record.model_validate(
        {
            "status": status or ("failed" if score is None else "scored"),
            "checkpoint": CheckpointRef(
                name=checkpoint,
                fingerprint=fingerprint or digest(checkpoint),
                source=checkpoint,
                kind="encoder",
            ),
            "task": {"name": task, "category": category},
            "signature": Signature(task=task, world=world, **{**base, **known, **signature}),
            "main_metric": metric,
            "score": score,
            "stderr": stderr,
            "n": 100,
            "percent": percent,
            "metrics": {} if score is None else {metric: score},
            "reason": reason or ("out of memory" if score is None else None),
            "created": START + timedelta(minutes=age),
        }
    )
