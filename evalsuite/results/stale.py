"""Stored scores that a run would not give any more: their task, data or code has changed since.

``evalsuite run`` never takes such a record for an answer: task, code and versions are in the key
by which it looks, and the data is hashed again. What only shows stored scores finds them here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from evalsuite.data import files_info
from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.table import harness_task, kind_of
from evalsuite.kinds.task import Task
from evalsuite.schema import CODE_VERSION, Record, Suspicion


def with_stale(records: Iterable[Record], tasks: Mapping[str, Task]) -> list[Record]:
    """The records, with the suspicion ``stale`` where one is.

    Not looked at: records of tasks that are not known here, imported ones (evalsuite did not
    measure them), and data sets below ``--data`` or on the hub (``evalsuite run`` does).

    Args:
        records: Of a store.
        tasks: Name → task, as the task files define them now.
    """
    now: dict[str, _Now] = {}
    found = []
    for record in records:
        name = record.signature.task
        task = tasks.get(name) or _named_task(record)
        if record.score is None or record.origin is not None or task is None:
            found.append(record)
            continue
        if name not in now:
            now[name] = _now(task)
        changed = list(_changed(record, now[name]))
        if changed:
            what = f"{' and '.join(changed)} changed after this was measured"
            one = Suspicion(code="stale", what=what, next_step="run it again: evalsuite run")
            found.append(record.model_copy(update={"suspicions": (*record.suspicions, one)}))
        else:
            found.append(record)
    return found


@dataclass(frozen=True, slots=True)
class _Now:
    """A task as it is now; made once for the records of a hundred checkpoints."""

    definitions: frozenset[str]
    """Hashes of the task, and as ``--quick`` runs it."""
    data: str | None
    """Hash of its own files; ``None`` where it has none, or they are not there."""
    task: Task


def _named_task(record: Record) -> Task | None:
    """The task of a record that was named as ``mteb:NAME``, without a file."""
    name = record.signature.task
    try:
        return harness_task(name)
    except UsageError:
        return None  # of a harness that this installation does not know


def _now(task: Task) -> _Now:
    data = None
    if task.data is not None:
        with suppress(DataError):
            data = files_info(task.data).hash
    return _Now(frozenset((task.hash, task.quickened().hash)), data, task)


def _changed(record: Record, now: _Now) -> Iterator[str]:
    signature = record.signature
    if signature.code != CODE_VERSION:
        yield f"evalsuite's code for scores (version {signature.code}, {CODE_VERSION} now)"
    if signature.task_hash not in now.definitions:
        yield "the task's definition"
    elif record.data is not None and now.data not in (None, record.data.hash):
        yield "the task's data"
    if changed := kind_of(now.task).stale(now.task, signature):
        yield changed
