"""What a person changes in a store: records removed, moved to another store, or renamed.

Each record is written in its new place, texts and samples first, before it is removed from the old
one. A change that is interrupted leaves every record whole in at least one place, and the same
command finishes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from evalsuite.files import write_atomically
from evalsuite.schema import CheckpointRef, Record
from evalsuite.store import Store, slug


def adopt(store: Store, record: Record, samples: Path | None, texts: Sequence[Path] = ()) -> None:
    """Store a record of another store, or under another name, if it is not there yet.

    Args:
        store: Where it is written.
        record: As it is to be stored.
        samples: The file of its samples, if it has one.
        texts: The files of the texts that they refer to, in the other store.

    Raises:
        StoreError: If the folder cannot be written.
    """
    with store.texts_lock() if texts else nullcontext():
        _adopt(store, record, samples, texts)


def _adopt(store: Store, record: Record, samples: Path | None, texts: Sequence[Path]) -> None:
    folder = store.folder_of(record.checkpoint)
    with store.writing(folder):
        store.texts.adopt(texts)
        folder.mkdir(parents=True, exist_ok=True)
        if samples is not None and not (folder / samples.name).is_file():
            write_atomically(folder / samples.name, samples.read_bytes(), sync=True)
    if not _holds(folder, record):
        store.put(record)


def remove(store: Store, records: Iterable[Record]) -> None:
    """Remove records, their samples, texts that no others need, and what jobs of theirs have left.

    Raises:
        StoreError: If the folder cannot be written.
    """
    for record in records:
        store.remove(record)
        store.drop_job_folder(record.checkpoint, record.signature.plan_key)
    _drop_unused_texts(store)


def _drop_unused_texts(store: Store) -> None:
    """Remove texts that no record refers to.

    Nothing is removed where a file of the store cannot be read: its record may refer to them.
    """
    with store.texts_lock(), store.writing(store.root):
        store.problems = []
        samples = [record.samples for _, record in store.files() if record.samples]
        if not store.problems:
            store.texts.keep_only({name for one in samples for name in one.texts})


def move(store: Store, records: Iterable[Record], target: Store) -> None:
    """Move records with their samples to another store.

    Raises:
        StoreError: If one of the two cannot be written.
    """
    target.prepare()
    for record in sorted(records, key=lambda record: record.created):
        adopt(target, record, store.samples_path(record), store.texts_paths(record))
        store.remove(record)
    _drop_unused_texts(store)


def rename(store: Store, records: Iterable[Record], name: str) -> None:
    """Give the checkpoint of some records another name; scores and signatures stay as they are.

    Args:
        store: Holds them.
        records: All records of one checkpoint.
        name: Letters, digits, ``.``, ``_``, ``+`` and ``-``.

    Raises:
        StoreError: If the folder cannot be written.
    """
    for record in sorted(records, key=lambda record: record.created):
        if record.checkpoint.name == name:
            continue
        checkpoint = record.checkpoint.model_copy(update={"name": name})
        adopt(
            store,
            record.model_copy(update={"checkpoint": checkpoint}),
            store.samples_path(record),
        )
        store.remove(record)
        _remove_copies(store, store.folder_of(record.checkpoint), checkpoint)


def _remove_copies(store: Store, old: Path, checkpoint: CheckpointRef) -> None:
    """Remove samples from a checkpoint's old folder that lie in its present one too."""
    new = store.folder_of(checkpoint)
    if old == new:
        return
    with store.writing(store.root):
        for path in old.glob("*.samples.parquet"):
            if (new / path.name).is_file():
                path.unlink(missing_ok=True)
    with suppress(OSError):  # there is none, or records of another name are in it
        old.rmdir()


def _holds(folder: Path, record: Record) -> bool:
    """Whether a folder has this very record."""
    stem = f"{slug(record.signature.task)}.{record.signature.plan_key[:8]}"
    files = folder.glob(f"{stem}.*.json")
    return any(Record.model_validate_json(path.read_bytes()) == record for path in files)
