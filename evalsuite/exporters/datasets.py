"""Which data set on the hub a score is of."""

from __future__ import annotations

from dataclasses import dataclass

from evalsuite.errors import EvalsuiteError
from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from evalsuite.schema import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDataset:
    """A data set on the hub."""

    name: str
    """``org/name``."""
    revision: str | None = None
    split: str | None = None
    """The only split that was scored, where it is known."""


def dataset_of(record: Record, registry: Registry) -> HubDataset | None:
    """The data set that a task reads; ``None`` for own files, several sets, or an unknown task.

    Args:
        record: The score.
        registry: The tasks as they are now.
    """
    if record.task.get("data"):
        return None
    stated = dict(record.task.get("datasets") or {})
    found = stated or _of_task(record.signature.task, registry)
    if len(found) != 1:
        return None
    name, revision = next(iter(found.items()))
    if name.count("/") != 1:
        return None
    split = record.details.get("split") or record.signature.splits or record.signature.split
    return HubDataset(
        name=name, revision=revision or None, split=None if "+" in str(split) else split
    )


def _of_task(name: str, registry: Registry) -> dict[str, str]:
    try:
        task = registry.task(name)
        if task.source is None:
            return {}
        return dict(task.datasets) or kind_of(task).datasets(task)
    except EvalsuiteError:
        return {}
