"""What the store holds of a job already."""

from __future__ import annotations

from pathlib import Path

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.data import still_matches
from evalsuite.kinds.task import Task
from evalsuite.run.job import Job
from evalsuite.run.options import Resolved
from evalsuite.schema import Record, Signature
from evalsuite.store import Store


def find_stored(
    fingerprint: str, task: Task, signature: Signature, data_root: Path | None, store: Store
) -> Record | None:
    """The newest stored score of a job whose data is still what would be read now.

    Args:
        fingerprint: Of the checkpoint.
        task: The task.
        signature: How the task is to be measured.
        data_root: Folder of local data sets; ``None`` for the hub.
        store: Where to look.
    """
    stored = store.find(fingerprint, signature.plan_key)
    if signature.libraries is not None:
        earlier = store.find(fingerprint, signature.before_libraries.plan_key)
        stored = [*stored, *(one for one in earlier if _made_with(one, signature.libraries))]
    for record in stored:
        if record.data and still_matches(record.data, data_root, task.data, task.reads):
            return record
    return None


def decided_early(
    checkpoint: Checkpoint, task: Task, signature: Signature, options: Resolved, store: Store
) -> Record | None:
    """The record of a task that the same check has ended early before, on the same data."""
    rule = options.stopping.rules.get(task.name) if options.stopping else None
    if rule is None:
        return None
    record = store.outcome(checkpoint.ref, signature)
    if record is None or record.data is None or not (ended := record.stopped):
        return None
    same = ended.rule == rule.key and ended.verdict is not None
    current = same and still_matches(record.data, options.data_root, task.data, task.datasets)
    return record if current else None


def _made_with(record: Record, libraries: str) -> bool:
    """Whether a record from before signatures named libraries was made with these versions."""
    packages = record.environment.get("packages", {})
    return all(
        packages.get(name) == version for name, version in map(str.split, libraries.split(", "))
    )


def score_of(job: Job, data_root: Path | None, store: Store) -> Record | None:
    """As :func:`find_stored`, of a planned job."""
    return find_stored(job.checkpoint.fingerprint, job.task, job.signature, data_root, store)
