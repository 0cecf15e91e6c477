"""A writer of records, for a process of its own."""

from __future__ import annotations

from pathlib import Path

from evalsuite.store import Store
from helpers.records import record


def put_many(root: str, start: int) -> None:
    """Store ten scores."""
    store = Store(Path(root))
    for number in range(start, start + 10):
        store.put(record(score=number / 100), [{"sample": str(number)}])
