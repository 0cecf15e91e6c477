"""What imported records have in common, whatever file they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from evalsuite.errors import DataError
from evalsuite.metrics import metric_named
from evalsuite.schema import (
    CheckpointRef,
    Direction,
    Estimator,
    Origin,
    Record,
    Signature,
    World,
    digest,
)
from evalsuite.store import Store
from evalsuite.text import listed

UNKNOWN = "imported"
"""Value of signature fields that a result file does not state; never that of a measured one."""
NOT_STATED = "(version not stated)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """The model that a result file is about."""

    model: str
    """As the file or its folder states it, or as the user renamed it: ``org/name``."""
    revision: str | None = None

    @property
    def checkpoint(self) -> CheckpointRef:
        """Imports of one model and revision share a row; no measured checkpoint is in it."""
        return CheckpointRef(
            name=self.model.rstrip("/").rpartition("/")[2] or self.model,
            fingerprint=digest([UNKNOWN, self.model, self.revision]),
            source=self.model,
            kind=UNKNOWN,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScore:
    """What a result file says about one task."""

    task: dict[str, Any]
    """The task's definition as plain data, with its ``name``."""
    world: World
    origin: Origin
    main_metric: str
    value: float
    estimator: Estimator
    metrics: Mapping[str, float]
    stderr: float | None = None
    n: int | None = None
    direction: Direction | None = None
    """Which values are better, as the file states it; ``None``: by the metric's name."""
    split: str | None = None
    limit: int | None = None
    shots: int | None = None
    chat_template: str | None = None
    seed: int | None = None
    details: dict[str, Any]
    raw: dict[str, Any]
    warnings: tuple[str, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScores:
    """Everything that was found in some files."""

    records: tuple[tuple[Record, tuple[dict[str, Any], ...]], ...]
    """Records with their samples."""
    left_out: tuple[str, ...] = ()
    """What could not be taken over, one line each."""
    unknown: tuple[str, ...] = ()
    """Tasks that no task file is about."""


def to_record(source: ImportedModel, score: ImportedScore) -> Record:
    """The record of an imported score."""
    signature = Signature(
        task=score.task["name"],
        task_hash=digest([UNKNOWN, score.task]),
        world=score.world,
        harness=score.origin.harness,
        engine=UNKNOWN,
        device=UNKNOWN,
        dtype=UNKNOWN,
        split=score.split,
        limit=score.limit,
        shots=score.shots,
        chat_template=score.chat_template,
        **({} if score.seed is None else {"seed": score.seed}),
    )
    metric = metric_named(score.main_metric, score.direction)
    return Record(
        status="scored",
        checkpoint=source.checkpoint,
        task=score.task,
        signature=signature,
        main_metric=score.main_metric,
        score=score.value,
        estimator=score.estimator,
        stderr=score.stderr,
        n=score.n,
        percent=metric.unit == "fraction",
        direction=metric.direction,
        unit=metric.unit,
        metrics=dict(score.metrics),
        origin=score.origin,
        warnings=score.warnings,
        details=score.details,
        raw=score.raw,
        created=datetime.now(UTC),
    )


def check_once(records: Sequence[Record]) -> None:
    """Refuse two files about the same task in one row: nothing says which one is right.

    Raises:
        DataError: Names the files.
    """
    seen: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.checkpoint.fingerprint, record.signature.task)
        other = seen.setdefault(key, record)
        if other is not record and other.origin and record.origin:
            raise DataError(
                f"two files are about {key[1]} of {record.checkpoint.source}:"
                f" {other.origin.harness} and {record.origin.harness}",
                "import one of their folders, or each with a --name of its own",
            )


def put_new(store: Store, found: ImportedScores) -> tuple[int, int]:
    """Store what is not stored yet.

    Returns:
        The number of new records, and of those that were there already.
    """
    there = {_identity(record) for record in store.records() if record.origin}
    if store.problems:
        raise DataError(store.problems[0], "move it away, or upgrade evalsuite")
    new = [(record, rows) for record, rows in found.records if _identity(record) not in there]
    if new:
        store.prepare()
    for record, samples in new:
        store.put(record, list(samples))
    return len(new), len(found.records) - len(new)


def _identity(record: Record) -> tuple[str, str, str]:
    origin = record.origin
    return (
        record.checkpoint.fingerprint,
        record.signature.task,
        origin.sha256 if origin else "",
    )


def summary(found: ImportedScores, new: int, known: int) -> list[str]:
    """What an import did, in lines for a person."""
    rows: dict[tuple[str, str], int] = {}
    for record, _ in found.records:
        revision = (record.origin and record.origin.revision) or "not stated"
        key = (record.checkpoint.source, revision)
        rows[key] = rows.get(key, 0) + 1
    lines = [f"{model}, revision {rev}: {count} scores" for (model, rev), count in rows.items()]
    if len({model for model, _ in rows}) < len(rows):
        lines.append("revisions of one model are rows of their own; --revision joins the unstated")
    lines += [f"left out: {line}" for line in found.left_out]
    if found.unknown:
        lines.append(f"without a task file, so imported by their own name: {listed(found.unknown)}")
    return [*lines, f"{new} records new, {known} already there"]
