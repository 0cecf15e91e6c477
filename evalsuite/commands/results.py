"""``evalsuite results``: what a store holds; records removed, moved and renamed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from evalsuite.errors import StoreError, UsageError
from evalsuite.metrics import metric_of
from evalsuite.results.selection import of_checkpoints, of_tasks
from evalsuite.schema import Record
from evalsuite.store import Store
from evalsuite.store_changes import move, remove, rename
from evalsuite.text import natural, number, plain

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""What a checkpoint may be called: the names that runs give have these characters too."""


def chosen_records(
    store: Store, checkpoints: Sequence[str], tasks: Sequence[str] = ()
) -> list[Record]:
    """The records of some checkpoints and tasks, failures that a score hides included.

    Raises:
        StoreError: If nothing is stored.
        UsageError: If a checkpoint or task that was named is not there.
    """
    found = [record for _, record in store.files()]
    if not found:
        raise StoreError(
            f"no scores are stored in {store.root}", "give the folder of the store with --out"
        )
    return of_tasks(of_checkpoints(found, checkpoints), tasks)


def listing(store: Store, records: Sequence[Record]) -> Iterator[str]:
    """What is stored, a line for each checkpoint and each of its records."""
    by_checkpoint: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.created):
        by_checkpoint.setdefault(record.checkpoint.fingerprint, []).append(record)
    groups = sorted(by_checkpoint.values(), key=lambda found: natural(found[-1].checkpoint.name))
    width = max((len(record.signature.task) for record in records), default=0)
    for found in groups:
        newest = found[-1].checkpoint
        size = sum(path.stat().st_size for path in {*_sample_files(store, found)})
        yield (
            f"{plain(newest.name)}  {newest.fingerprint[:8]}  {counted(found)}, "
            f"samples {size / 2**20:.1f} MiB"
        )
        for record in sorted(found, key=lambda r: (natural(r.signature.task), r.created)):
            yield f"  {record.signature.task:<{width}}  {_about(record)}"
    yield from (f"cannot be read: {problem}" for problem in store.problems)


def _sample_files(store: Store, records: Sequence[Record]) -> Iterator[Path]:
    for record in records:
        path = store.samples_path(record)
        if path is not None:
            yield path


def counted(records: Sequence[Record]) -> str:
    """How many records there are of each status: ``11 scored, 2 skipped``."""
    counts = Counter(record.status for record in records)
    return ", ".join(f"{number} {status}" for status, number in counts.most_common())


def _about(record: Record) -> str:
    date = f"{record.created:%Y-%m-%d %H:%M}"
    if record.score is None:
        return f"{date}  {record.status}: {plain(record.reason or '', 80)}"
    shown = number(metric_of(record).factor * record.score, 2)
    limit = f", limit {record.signature.limit}" if record.signature.limit is not None else ""
    return f"{date}  {shown:>7} {record.main_metric}, n {record.n}{limit}"


def remove_command(store: Store, records: Sequence[Record]) -> str:
    """``evalsuite results rm``: remove records with their samples.

    Returns:
        What was removed, in words.
    """
    remove(store, records)
    return f"removed {counted(records)} from {store.root}"


def move_command(
    store: Store, checkpoint: str, name: str | None, to: Path | None, tasks: Sequence[str]
) -> str:
    """``evalsuite results mv``: rename a checkpoint, or move its records to another store.

    Args:
        store: Holds the records.
        checkpoint: Its name, a pattern, or the first digits of its fingerprint.
        name: Its new name; ``None`` to keep it.
        to: The other store; ``None`` to stay in this one.
        tasks: Whose records are moved; all without any.

    Returns:
        What was done, in words.

    Raises:
        UsageError: If there is nothing to do, or the name is not possible.
        StoreError: If nothing is stored, or a store cannot be written.
    """
    if name is None and to is None:
        raise UsageError("results mv has nothing to do", "give a new name, or --to FOLDER")
    if name is not None and tasks:
        raise UsageError("--tasks cannot be renamed alone", "a checkpoint has one name: leave out")
    records = chosen_records(store, [checkpoint], tasks)
    if name is not None:
        _check_name(store, checkpoint, name, records)
        rename(store, records, name)
        records = chosen_records(store, [records[0].checkpoint.fingerprint])
    if to is not None:
        if to.resolve() == store.root.resolve():
            raise UsageError(f"--to {to} is the store itself", "give another folder")
        move(store, records, Store(to))
    said = [f"renamed {checkpoint} to {name}"] if name is not None else []
    said += [f"moved {checkpoint} to {to}"] if to is not None else []
    return f"{', '.join(said)}: {counted(records)}"


def _check_name(store: Store, checkpoint: str, name: str, records: Sequence[Record]) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a name", "use letters, digits, . _ + and -")
    own = {record.checkpoint.fingerprint for record in records}
    if len(own) > 1:
        raise UsageError(
            f"{checkpoint!r} names {len(own)} checkpoints",
            f"name one by its fingerprint: {' or '.join(sorted(print_[:8] for print_ in own))}",
        )
    taken = {r.checkpoint.fingerprint for _, r in store.files() if r.checkpoint.name == name}
    if taken - own:
        raise UsageError(f"another checkpoint is called {name!r} already", "choose another name")
