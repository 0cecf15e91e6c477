"""Named baselines: records and samples of one checkpoint, set aside.

A baseline is a folder of its own, so that later runs do not change it and a repository can hold
it: copies of the records and their samples, and ``baseline.json`` with the hash of each file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from evalsuite.errors import StoreError, UsageError, did_you_mean
from evalsuite.files import sha256
from evalsuite.schema import Frozen, Record, digest
from evalsuite.store import Store
from evalsuite.store_changes import adopt

MANIFEST = "baseline.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Baseline(Frozen):
    """What ``baseline.json`` says."""

    schema_version: int = 1
    name: str
    checkpoint: str
    fingerprint: str
    suite: str | None
    """Suite whose tasks it holds; ``None``: all that were stored."""
    files: dict[str, str]
    """Path below the folder → SHA-256."""
    created: datetime

    @property
    def tasks(self) -> int:
        """Number of its scores."""
        return sum(name.endswith(".json") for name in self.files)


def set_baseline(
    folder: Path, name: str, records: Iterable[Record], store: Store, suite: str | None
) -> Baseline:
    """Set aside the scores of one checkpoint under a name; one that is there is replaced.

    Args:
        folder: Of all baselines.
        name: Letters, digits, ``.``, ``_`` and ``-``.
        records: Of one checkpoint under one protocol; those without a score are left out.
        store: Holds them and their samples.
        suite: Whose tasks they are.

    Raises:
        UsageError: If the name is not valid, or there is no score.
        StoreError: If the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid name of a baseline", "use letters, digits, . _ and -"
        )
    scored = [record for record in records if record.score is not None]
    if not scored:
        raise UsageError("there is no score to set as a baseline", "run it first: evalsuite run")
    temp = folder / f".{name}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(temp, ignore_errors=True)
        copied = Store(temp)
        copied.prepare()
        for record in scored:
            adopt(copied, record, store.samples_path(record), store.texts_paths(record))
        first = scored[0].checkpoint
        made = Baseline(
            name=name,
            checkpoint=first.name,
            fingerprint=first.fingerprint,
            suite=suite,
            files=_hashes(temp),
            created=datetime.now(UTC),
        )
        (temp / MANIFEST).write_text(made.model_dump_json(indent=1) + "\n")
        _swap(temp, folder / name)
    except OSError as error:
        raise StoreError(
            f"cannot write {folder / name}: {error.strerror}", "choose another --baselines"
        ) from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    return made


def baselines(folder: Path) -> list[Baseline]:
    """All baselines, by name.

    Raises:
        StoreError: If one of them cannot be read.
    """
    return [_manifest(path.parent) for path in sorted(folder.glob(f"[!.]*/{MANIFEST}"))]


def is_baseline(folder: Path, name: str) -> bool:
    """Whether there is a baseline of this name."""
    return bool(NAME.fullmatch(name)) and (folder / name / MANIFEST).is_file()


def load_baseline(folder: Path, name: str) -> tuple[Baseline, Store, list[Record]]:
    """Read a baseline: what it says of itself, its store, its records.

    Raises:
        UsageError: If no baseline has that name.
        StoreError: If one of its files is missing or has changed.
    """
    if not is_baseline(folder, name):
        known = [path.parent.name for path in folder.glob(f"[!.]*/{MANIFEST}")]
        hint = did_you_mean(name, known) if known else "evalsuite baseline set NAME CHECKPOINT"
        raise UsageError(f"no baseline is called {name!r}", hint)
    path = folder / name
    manifest = _manifest(path)
    found = _hashes(path)
    for file, stated in manifest.files.items():
        if found.get(file) != stated:
            state = "has changed" if file in found else "is missing"
            hint = f"set it again: evalsuite baseline set {name} …"
            raise StoreError(f"baseline {name}: {path / file} {state}", hint)
    store = Store(path)
    return manifest, store, store.records()


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.glob("[!.]*/*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def _manifest(folder: Path) -> Baseline:
    path = folder / MANIFEST
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not a baseline"
        raise StoreError(f"{path} {why}", "set it again: evalsuite baseline set") from None


def _swap(made: Path, place: Path) -> None:
    """Put a finished folder into its place; what was there goes only then."""
    old = place.with_name(f".{place.name}.{digest(str(made))[:8]}.old")
    if place.exists():
        place.rename(old)
    made.rename(place)
    shutil.rmtree(old, ignore_errors=True)
