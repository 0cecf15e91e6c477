"""Records to store, and a writer for a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalsuite.schema import CheckpointRef, Record, Signature, digest
from evalsuite.store import Store

SIGNATURE: dict[str, Any] = {
    "task": "mteb:STSBenchmark",
    "task_hash": "0" * 64,
    "world": "embedding",
    "harness": "mteb 2.26.24",
    "engine": "transformers 5.19.0",
    "device": "cpu",
    "dtype": "float32",
}


def make(score: float | None = 0.5, name: str = "model", **signature: Any) -> Record:
    return Record.model_validate(
        {
            "status": "failed" if score is None else "scored",
            "checkpoint": CheckpointRef(
                name=name, fingerprint=digest(name), source=name, kind="causal"
            ),
            "task": {"name": "t"},
            "signature": Signature.model_validate({**SIGNATURE, **signature}),
            "score": score,
            "reason": "the disk burned" if score is None else None,
            "created": "2026-01-01T00:00:00Z",
        }
    )


def put_many(root: str, start: int) -> None:
    store = Store(Path(root))
    for number in range(start, start + 10):
        store.put(make(number / 100), [{"sample": str(number)}])
