"""Records and samples with given scores, for tests of what compares them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from evalsuite.schema import CheckpointRef, Record, Signature, digest

Rows = list[dict[str, Any]]


def record(
    name: str, score: float, metric: str = "accuracy", n: int = 40, **signature: Any
) -> Record:
    plain = {
        "task": "t",
        "task_hash": "0" * 64,
        "world": "embedding",
        "harness": "h 1",
        "engine": "e 1",
        "device": "cpu",
        "dtype": "float32",
        "data": "d" * 64,
    }
    return Record(
        status="scored",
        checkpoint=CheckpointRef(name=name, fingerprint=digest(name), source=name, kind="grit"),
        task={},
        signature=Signature(**{**plain, **signature}),
        main_metric=metric,
        score=score,
        stderr=0.03,
        n=n,
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


def scored(values: Any, **columns: Any) -> Rows:
    return [
        {"sample": str(i), "score": float(value), **{key: c[i] for key, c in columns.items()}}
        for i, value in enumerate(values)
    ]
