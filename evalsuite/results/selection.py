"""Some of the stored records: those of checkpoints and tasks that were named."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.results.rows import plan_rows
from evalsuite.schema import Record

SHORTEST = 6
"""Digits of a fingerprint that name a checkpoint, at least."""


def of_checkpoints(records: Sequence[Record], wanted: Iterable[str]) -> list[Record]:
    """The records of some checkpoints.

    Args:
        records: Of any checkpoints.
        wanted: Names as tables show them, patterns of names (``run-*``), or first digits of
            fingerprints. Without any, all records are taken.

    Raises:
        UsageError: If one of them names no checkpoint.
    """
    texts = list(wanted)
    if not texts:
        return list(records)
    labels: dict[str, set[str]] = {}
    for row in plan_rows(records):
        labels.setdefault(row.fingerprint, set()).add(row.name)
    for record in records:
        labels[record.checkpoint.fingerprint].add(record.checkpoint.name)
    found: set[str] = set()
    for text in texts:
        here = {print_ for print_, names in labels.items() if _is_named(text, print_, names)}
        if not here:
            known = {name for names in labels.values() for name in names}
            raise UsageError(
                f"no scores of {text!r} are stored here", did_you_mean(_bare(text), known)
            )
        found |= here
    return [record for record in records if record.checkpoint.fingerprint in found]


def of_tasks(records: Sequence[Record], wanted: Iterable[str]) -> list[Record]:
    """The records of some tasks.

    Args:
        records: Of any tasks.
        wanted: Names, and patterns of names (``smoke-*``). Without any, all records are taken.

    Raises:
        UsageError: If one of them names no stored task.
    """
    texts = list(wanted)
    if not texts:
        return list(records)
    known = dict.fromkeys(record.signature.task for record in records)
    found: set[str] = set()
    for text in texts:
        here = {name for name in known if _matches(text, name)}
        if not here:
            raise UsageError(
                f"no scores of the task {text!r} are stored here", did_you_mean(_bare(text), known)
            )
        found |= here
    return [record for record in records if record.signature.task in found]


def _is_named(text: str, fingerprint: str, names: Iterable[str]) -> bool:
    if len(text) >= SHORTEST and fingerprint.startswith(text):
        return True
    return any(_matches(text, name) for name in names)


def _matches(text: str, name: str) -> bool:
    return name == text or (glob.has_magic(text) and fnmatchcase(name, text))


def _bare(pattern: str) -> str:
    return pattern.translate(dict.fromkeys(map(ord, "*?[]")))
