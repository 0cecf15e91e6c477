"""Records and samples on disk: atomic, never changed, and readable without evalsuite.

Layout of a results folder::

    <checkpoint>-<fingerprint:8>/
        <task>.<plan key:8>.r1.json               one score; r2, r3 … after --fresh
        <task>.<plan key:8>.<hash:8>.samples.parquet
        <task>.<plan key:8>.outcome.json          last failure, skip or early end; until scored
    texts/                                        what samples refer to, see ``store_texts``
    .work/<fingerprint:16>-<plan key:16>/         what an unfinished job needs to go on

A record appears whole or not at all: it is written under a temporary name, flushed to the disk
and then linked to its own name, which fails if another run has just taken it.
"""

from __future__ import annotations

import errno
import gc
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from evalsuite.errors import StoreError, first_invalid
from evalsuite.files import flush, is_left_over, temporary, write_atomically
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import SCHEMA_VERSION, CheckpointRef, Record, SamplesRef, Signature
from evalsuite.store_texts import TextFiles, stem_of

if TYPE_CHECKING:
    from filelock import BaseFileLock

MIN_FREE_BYTES = 64 * 1024 * 1024
"""A run does not start with less free space than this."""

MAX_SLUG = 120
"""Characters of a name; file systems take 255 bytes, keys and suffixes included."""


class Store:
    """A folder of records.

    Safe for several runs at once, on one machine or on a shared file system with working
    ``link`` and ``rename``.

    Args:
        root: The folder; created on the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        """Files that :meth:`records` could not read, one line each."""
        self.texts = TextFiles(root)

    def records(self) -> list[Record]:
        """All records that can be read, oldest first.

        A scored record hides an earlier failure of the same job. Unreadable files are left out
        and named in :attr:`problems`.
        """
        self.problems = []
        found: dict[tuple[str, str], list[Record]] = {}
        with _uncollected():
            for _, record in self.files():
                key = (record.checkpoint.fingerprint, record.signature.plan_key)
                found.setdefault(key, []).append(record)
        kept: list[Record] = []
        for group in found.values():
            scored = [record for record in group if record.status == "scored"]
            kept.extend(scored or group[-1:])
        return sorted(kept, key=lambda record: record.created)

    def files(self) -> Iterator[tuple[Path, Record]]:
        """All record files that can be read, with what they hold."""
        for path in sorted(self.root.glob("[!.]*/*.json")):
            if record := self._read(path):
                yield path, record

    def find(self, fingerprint: str, plan_key: str) -> list[Record]:
        """The scored records of one job, newest first."""
        matches: list[tuple[int, Record]] = []
        for path in self.root.glob(f"[!.]*-{fingerprint[:8]}/*.{plan_key[:8]}.r*.json"):
            record = self._read(path)
            if (
                record
                and record.checkpoint.fingerprint == fingerprint
                and record.signature.plan_key == plan_key
            ):
                matches.append((_revision(path), record))
        return [record for _, record in sorted(matches, key=lambda match: -match[0])]

    def outcome(self, checkpoint: CheckpointRef, signature: Signature) -> Record | None:
        """The last failure, skip or early end of a job that has no score yet."""
        stem = f"{slug(signature.task)}.{signature.plan_key[:8]}"
        pattern = f"[!.]*-{checkpoint.fingerprint[:8]}/{stem}.outcome.json"
        return next(filter(None, map(self._read, self.root.glob(pattern))), None)

    def put(
        self,
        record: Record,
        samples: list[dict[str, Any]] | None = None,
        texts: SampleTexts | None = None,
    ) -> Path:
        """Write a record and its samples: first the texts, then the samples, then the record.

        Args:
            record: The record; ``samples`` is filled in here.
            samples: One plain row a sample; written as Parquet.
            texts: What the samples are about; what the store has of them is not written again.

        Returns:
            The record's path.

        Raises:
            StoreError: If the folder cannot be written or the disk is full.
        """
        folder = self.folder_of(record.checkpoint)
        stem = f"{slug(record.signature.task)}.{record.signature.plan_key[:8]}"
        outcome = folder / f"{stem}.outcome.json"
        with self.writing(folder), self.texts_lock() if texts else nullcontext():
            folder.mkdir(parents=True, exist_ok=True)
            if samples:
                record = self._with_samples(record, folder, stem, samples, texts)
            content = _pretty(record).encode()
            if record.status != "scored":
                _replace(outcome, content)
                return outcome
            path = _link_next(folder, stem, content)
            earlier = self._read(outcome)
            outcome.unlink(missing_ok=True)
            if earlier and earlier.samples and earlier.samples != record.samples:
                (folder / earlier.samples.file).unlink(missing_ok=True)
            return path

    def remove(self, record: Record) -> None:
        """Remove a record that another one has taken the place of, and samples that only it has.

        Raises:
            StoreError: If the folder cannot be written.
        """
        stem = f"{slug(record.signature.task)}.{record.signature.plan_key[:8]}"
        # Its checkpoint may have had another name when it was stored.
        pattern = f"[!.]*-{record.checkpoint.fingerprint[:8]}/{stem}.*.json"
        found = {path: self._read(path) for path in self.root.glob(pattern)}
        others = {other.samples for other in found.values() if other and other != record}
        with self.writing(self.root):
            for path, stored in found.items():
                if stored == record:
                    path.unlink(missing_ok=True)
            samples = self.samples_path(record)
            if samples and record.samples not in others:
                samples.unlink(missing_ok=True)
        for folder in {path.parent for path in found}:
            with suppress(OSError):  # others are in it
                folder.rmdir()

    def after_earlier(self, record: Record) -> Record:
        """A new record, made no earlier than those of its job: a clock may have been set back.

        The newest is the one that tables take.
        """
        earlier = self.find(record.checkpoint.fingerprint, record.signature.plan_key)
        latest = max((other.created for other in earlier), default=None)
        if latest is None or record.created > latest:
            return record
        return record.model_copy(update={"created": latest + timedelta(microseconds=1)})

    def samples_path(self, record: Record) -> Path | None:
        """Path of a record's samples, if it has some."""
        if record.samples is None:
            return None
        beside = self.folder_of(record.checkpoint) / record.samples.file
        if beside.is_file():
            return beside
        # Stored when the checkpoint had another name.
        matches = self.root.glob(f"[!.]*-{record.checkpoint.fingerprint[:8]}/{record.samples.file}")
        return next(matches, None)

    def texts_paths(self, record: Record) -> list[Path]:
        """The files with the texts that a record's samples refer to, as far as they are there."""
        return self.texts.paths(record.samples.texts) if record.samples else []

    def job_folder(self, checkpoint: CheckpointRef, plan_key: str) -> Path:
        """Folder for what an unfinished job must find again after a kill; created."""
        folder = self._work / _job_id(checkpoint, plan_key)
        with self.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def work_file(self, name: str) -> Path:
        """Path of a file that processes of one run share."""
        return self._work / name

    def drop_job_folder(self, checkpoint: CheckpointRef, plan_key: str) -> None:
        """Forget what an unfinished job had done."""
        shutil.rmtree(self._work / _job_id(checkpoint, plan_key), ignore_errors=True)

    def finish_job(self, checkpoint: CheckpointRef, plan_key: str) -> None:
        """Remove the folder and the lock of a job whose record is stored.

        A run that still waits for the removed lock finds the record when it gets it.
        """
        self.drop_job_folder(checkpoint, plan_key)
        self._lock_path(checkpoint, plan_key).unlink(missing_ok=True)

    def clear_finished(self, checkpoint: CheckpointRef, plan_key: str) -> None:
        """Remove what a run left that was killed between storing a record and tidying up.

        Nothing is removed while a run holds the job, as one with ``--fresh`` may.
        """
        from filelock import Timeout

        places = self._work / _job_id(checkpoint, plan_key), self._lock_path(checkpoint, plan_key)
        if not any(place.exists() for place in places):
            return
        with suppress(Timeout), self.job_lock(checkpoint, plan_key).acquire(timeout=0):
            self.finish_job(checkpoint, plan_key)

    def job_lock(self, checkpoint: CheckpointRef, plan_key: str) -> BaseFileLock:
        """Lock that keeps two runs from doing the same job; freed by the system on a kill."""
        return self._lock(self._lock_path(checkpoint, plan_key))

    def texts_lock(self) -> BaseFileLock:
        """Lock that is held from when a text is written, or found, until its record is there.

        So texts that no record refers to yet are not taken for unused.
        """
        return self._lock(self._work / "texts.lock")

    def prepare(self) -> None:
        """Check that the store can be written, and clear what killed runs left half-written.

        Raises:
            StoreError: If it cannot, or if the disk is nearly full.
        """
        with self.writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with temporary(self.root / "probe") as probe:
                probe.write_bytes(b"")
            free = shutil.disk_usage(self.root).free
        if free < MIN_FREE_BYTES:
            raise StoreError(
                f"only {free // 2**20} MiB are free on the disk of {self.root}",
                "free some space or choose another folder with --out",
            )
        for path in self.root.glob("*/.*.tmp"):
            if is_left_over(path):
                path.unlink(missing_ok=True)

    def folder_of(self, checkpoint: CheckpointRef) -> Path:
        """Where the records of a checkpoint are written."""
        return self.root / f"{slug(checkpoint.name)}-{checkpoint.fingerprint[:8]}"

    @property
    def _work(self) -> Path:
        return self.root / ".work"

    def _lock(self, path: Path) -> BaseFileLock:
        from filelock import FileLock

        with self.writing(self._work):
            self._work.mkdir(parents=True, exist_ok=True)
        return FileLock(path)

    def _with_samples(
        self,
        record: Record,
        folder: Path,
        stem: str,
        samples: list[dict[str, Any]],
        texts: SampleTexts | None,
    ) -> Record:
        """A record whose samples, and the texts that they refer to, have been written."""
        written = _write_samples(folder, stem, samples)
        if texts is not None:
            of_data = stem_of(slug(record.signature.task), record.signature)
            size = (folder / written.file).stat().st_size + len(_pretty(record))
            names = self.texts.put(of_data, texts, size)
            written = written.model_copy(update={"texts": names})
        return record.model_copy(update={"samples": written})

    def _lock_path(self, checkpoint: CheckpointRef, plan_key: str) -> Path:
        return self._work / f"{_job_id(checkpoint, plan_key)}.lock"

    def _read(self, path: Path) -> Record | None:
        try:
            content = path.read_bytes()
            return Record.model_validate_json(content)
        except FileNotFoundError:
            return None  # replaced by another run between listing and reading
        except OSError as error:
            self.problems.append(f"{path}: cannot be read: {error.strerror}")
        except ValidationError as error:
            self.problems.append(f"{path}: {_why_invalid(content, error)}")
        return None

    @contextmanager
    def writing(self, folder: Path) -> Iterator[None]:
        """Inside it, what the system refuses becomes a :class:`StoreError`."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                hint = "free some space and run again: what is finished is kept"
                raise StoreError(f"no space left on the disk of {folder}", hint) from error
            raise StoreError(
                f"cannot write to {folder}: {error.strerror}", "choose another folder with --out"
            ) from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection while thousands of objects are made and none is dropped.

    The collector would look through all of them again and again: two thirds of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def slug(name: str) -> str:
    """``name`` with only letters, digits, ``.``, ``_`` and ``-``, and short, for file names."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
    return plain[:MAX_SLUG].rstrip("-.") or "unnamed"


def _job_id(checkpoint: CheckpointRef, plan_key: str) -> str:
    return f"{checkpoint.fingerprint[:16]}-{plan_key[:16]}"


def _pretty(record: Record) -> str:
    return json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def _revision(path: Path) -> int:
    match = re.search(r"\.r(\d+)\.json$", path.name)
    return int(match[1]) if match else 0


def _write_samples(folder: Path, stem: str, samples: list[dict[str, Any]]) -> SamplesRef:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(samples), sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / f"{stem}.{sha256[:8]}.samples.parquet"
    _replace(path, content)
    return SamplesRef(file=path.name, rows=len(samples), sha256=sha256)


def _link_next(folder: Path, stem: str, content: bytes) -> Path:
    with temporary(folder / stem) as temp:
        temp.write_bytes(content)
        flush(temp)
        revision = max((_revision(p) for p in folder.glob(f"{stem}.r*.json")), default=0) + 1
        while True:
            path = folder / f"{stem}.r{revision}.json"
            try:
                os.link(temp, path)
            except FileExistsError:
                revision += 1
            else:
                flush(folder)
                return path


def _replace(path: Path, content: bytes) -> None:
    write_atomically(path, content, sync=True)
    flush(path.parent)


def _why_invalid(content: bytes, error: ValidationError) -> str:
    try:
        version = json.loads(content).get("schema_version", 0)
    except (ValueError, RecursionError):
        return "is not a record (not valid JSON)"
    except AttributeError:
        return "is not a record (not a JSON object)"
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return f"has record schema {version}, newer than {SCHEMA_VERSION}; upgrade evalsuite"
    where, why = first_invalid(error)
    return f"is not a record: {where}: {why}"
