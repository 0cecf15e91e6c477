"""What all formats share: the scores that are written, and what became of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite.data.sample_table import SampleTable
from evalsuite.errors import StoreError, UsageError
from evalsuite.files import write_atomically
from evalsuite.registry.load import Registry
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.schema import Record
from evalsuite.store import Store
from evalsuite.text import plain

Rows = list[dict[str, Any]]
Texts = dict[tuple[str, str], str]
"""(Subset or nothing, sample) → the texts of a test item, one below the other."""
HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""A model's name on the hub."""
LONGEST_REASON: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The scores of one row of a table: one checkpoint under one protocol."""

    label: str
    """Its name in tables, with what tells it from other rows."""
    model: str
    """``org/name`` where the model is from the hub; otherwise the checkpoint's name."""
    revision: str
    """The revision that an imported score states; otherwise digits of the fingerprint."""
    fingerprint: str
    records: tuple[Record, ...]
    """Scored records, sorted by task."""

    @property
    def hub_name(self) -> str:
        """``org/name``; of a model that is not from the hub, ``local/name``."""
        return self.model if HUB_NAME.fullmatch(self.model) else f"local/{folder_name(self.model)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is exported."""

    runs: tuple[Run, ...]
    missing: tuple[str, ...]
    """Scores that are not there, one line each."""
    skipped: tuple[str, ...]
    """Tasks that a checkpoint cannot do, one line each."""
    store: Store
    registry: Registry

    def samples(self, record: Record) -> Rows:
        """A record's samples; empty where it has none.

        Raises:
            StoreError: If the record names samples that the store does not have.
            DataError: If they cannot be read.
        """
        if record.samples is None:
            return []
        path = self.store.samples_path(record)
        if path is None:
            raise StoreError(
                f"the samples of {record.signature.task} ({record.samples.file}) are missing",
                "restore the file, or measure the task again with --fresh",
            )
        table = SampleTable.read(path)
        return table.rows(range(record.samples.rows))

    def texts(self, record: Record) -> Texts:
        """The texts that a record's samples are about, as far as the store has them.

        Raises:
            DataError: If they cannot be read.
        """
        found: Texts = {}
        for path in self.store.texts_paths(record):
            if not path.name.endswith(".items.parquet"):
                continue
            table = SampleTable.read(path)
            for item in table.rows(range(len(table))):
                key = str(item.pop("subset", None) or ""), str(item.pop("sample"))
                found[key] = "\n".join(value for value in item.values() if isinstance(value, str))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an export wrote."""

    files: tuple[Path, ...] = ()
    left_out: tuple[str, ...] = ()
    """Scores and samples that the format has no place for, one line each."""
    notes: tuple[str, ...] = ()
    """What else a person must know, one line each."""


Writer = Callable[[Chosen, Path], Written]
"""Writes scores below a folder, which need not exist."""


def choose(
    records: Sequence[Record], store: Store, registry: Registry, expected: Iterable[str] = ()
) -> Chosen:
    """Arrange records as tables do: the newest of each task in each row.

    Args:
        records: Of the checkpoints and tasks that were asked for.
        store: Has their samples.
        registry: The tasks as they are now.
        expected: Tasks that each row should have a score of.
    """
    rows = plan_rows(records)
    missing = [line for row in rows for line in _missing(row, sorted(expected))]
    runs = [run for row in rows if (run := _run(row)) is not None]
    skipped = [line for row in rows for line in _without_score(row, skipped=True)]
    return Chosen(
        runs=tuple(runs),
        missing=tuple(missing),
        skipped=tuple(skipped),
        store=store,
        registry=registry,
    )


def _run(row: RowPlan) -> Run | None:
    scored = [record for _, record in sorted(row.records.items()) if record.score is not None]
    if not scored:
        return None
    newest = max(scored, key=lambda record: record.created)
    source = newest.checkpoint.source
    stated = next((r.origin.revision for r in scored if r.origin and r.origin.revision), None)
    return Run(
        label=_label(row),
        model=source if HUB_NAME.fullmatch(source) else newest.checkpoint.name,
        revision=stated or f"sha256-{row.fingerprint[:16]}",
        fingerprint=row.fingerprint,
        records=tuple(scored),
    )


def _missing(row: RowPlan, expected: Sequence[str]) -> Iterable[str]:
    yield from _without_score(row, skipped=False)
    for task in expected:
        if task not in row.records:
            yield f"{_label(row)}: {task} is not stored"


def _without_score(row: RowPlan, *, skipped: bool) -> Iterable[str]:
    for task, record in sorted(row.records.items()):
        if record.score is None and (record.status == "skipped") == skipped:
            reason = plain(record.reason or "", LONGEST_REASON)
            yield f"{_label(row)}: {task} has no score: {reason}"


def _label(row: RowPlan) -> str:
    return f"{row.name} [{row.difference}]" if row.difference else row.name


def only_run(chosen: Chosen, format_: str) -> Run:
    """The one row of an export whose format is about one model.

    Raises:
        UsageError: If several rows were chosen; names them.
    """
    if len(chosen.runs) == 1:
        return chosen.runs[0]
    names = " and ".join(run.label for run in chosen.runs[:3])
    raise UsageError(
        f"{format_} is about one model, but {len(chosen.runs)} rows were chosen: {names}",
        "choose one with --ckpt",
    )


def folder_name(text: str) -> str:
    """A text as the name of a folder or file; ``/`` between org and name becomes ``__``."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("/", "__")).strip("-.")
    return safe[:150] or "unnamed"


def write_json(path: Path, content: object, *, indent: int | None = 1) -> Path:
    """Write JSON, whole or not at all; a number that is not finite is an error of ours.

    Raises:
        StoreError: If the file cannot be written.
    """
    text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False, default=str)
    return write_bytes(path, f"{text}\n".encode("utf-8", "replace"))


def write_lines(path: Path, rows: Iterable[object]) -> Path:
    """Write one JSON value a line; see :func:`write_json`."""
    lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    return write_bytes(path, "".join(lines).encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all.

    Raises:
        StoreError: If it cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}", "choose another folder"
        ) from error
    return path
