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
    stored = store.find(fingerprint, signature.plan_key)
    if signature.libraries is not None:
        earlier = store.find(fingerprint, signature.before_libraries.plan_key)
        stored = [*stored, *(one for one in earlier if _made_with(one, signature.libraries))]
    for record in stored:
        if record.data and still_matches(record.data, data_root, task.data, task.datasets):
            return record
    return None


def _made_with(record: Record, libraries: str) -> bool:
    """Whether a record from before signatures named libraries was made with these versions."""
    packages = record.environment.get("packages", {})
    return all(
        packages.get(name) == version for name, version in map(str.split, libraries.split(", "))
    )


def score_of(job: Job, data_root: Path | None, store: Store) -> Record | None:
    """As :func:`find_stored`, of a planned job."""
    return find_stored(job.checkpoint.fingerprint, job.task, job.signature, data_root, store)
