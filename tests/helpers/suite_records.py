"""Records of two checkpoints over the suite ``smoke``, made up for tests of what shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from evalsuite.schema import CheckpointRef, Record, Signature, digest


def make_suite_records() -> list[Record]:
    """Checkpoints ``left`` and ``right``; the n-th task scores n/20 and n/25."""
    registry = Registry.load()
    tasks = registry.suite_tasks(registry.suite("smoke"))
    return [
        Record(
            status="scored",
            checkpoint=CheckpointRef(name=name, fingerprint=digest(name), source=name, kind="grit"),
            task=task.model_dump(mode="json", exclude_defaults=True),
            signature=Signature(
                task=task.name,
                task_hash=task.hash,
                world=kind_of(task).world,
                harness="h 1",
                engine="e 1",
                device="cpu",
                dtype="float32",
                data="0" * 64,
            ),
            main_metric="accuracy",
            score=number / divisor,
            stderr=0.01,
            n=100,
            created=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for name, divisor in (("left", 20), ("right", 25))
        for number, task in enumerate(tasks)
    ]
