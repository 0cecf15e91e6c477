"""What the store holds of a job already."""

from __future__ import annotations

from pathlib import Path

from evalsuite.data import still_matches
from evalsuite.kinds.task import Task
from evalsuite.run.job import Job
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
    for record in store.find(fingerprint, signature.plan_key):
        if record.data and still_matches(record.data, data_root, task.data, task.datasets):
            return record
    return None


def score_of(job: Job, data_root: Path | None, store: Store) -> Record | None:
    """As :func:`find_stored`, of a planned job."""
    return find_stored(job.checkpoint.fingerprint, job.task, job.signature, data_root, store)
