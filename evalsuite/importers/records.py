"""What imported records have in common, whatever file they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evalsuite.importers.identity import UNKNOWN, ImportedModel
from evalsuite.metrics import metric_named
from evalsuite.schema import Direction, Estimator, Origin, Record, Signature, World, digest
from evalsuite.suspicions import nothing_parsed

NOT_STATED = "(version not stated)"
Samples = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Fields of a signature, as far as a result file states them."""

    engine: str = UNKNOWN
    device: str = UNKNOWN
    dtype: str = UNKNOWN
    split: str | None = None
    splits: str | None = None
    subsets: str | None = None
    limit: float | None = None
    """A whole number of items, or below 1 the share of them."""
    max_length: int | None = None
    shots: int | None = None
    chat_template: str | None = None
    prefix_caching: bool | None = None
    seed: int | None = None
    definition: str | None = None
    settings: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScore:
    """What a result file says about one task."""

    task: dict[str, Any]
    """The task's definition as plain data, with its ``name``."""
    world: World
    origin: Origin
    main_metric: str
    value: float | None
    """``None`` where the file has the metric, but no finite value of it."""
    estimator: Estimator
    metrics: Mapping[str, float]
    stderr: float | None = None
    n: int | None = None
    direction: Direction | None = None
    """Which values are better, as the file states it; ``None``: by the metric's name."""
    unit_of: str | None = None
    """Metric whose unit it has, where its own name does not say it."""
    stated: Stated = Stated()
    details: dict[str, Any]
    raw: dict[str, Any]
    warnings: tuple[str, ...] = ()
    samples: Samples = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScores:
    """Everything that was found in some files."""

    records: tuple[tuple[Record, Samples], ...] = ()
    """Records with their samples."""
    left_out: tuple[str, ...] = ()
    """What could not be taken over, one line each."""
    unknown: tuple[str, ...] = ()
    """Tasks that no task file is about."""
    earlier: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Fingerprint → those under which earlier versions of evalsuite stored the same file."""


def to_record(source: ImportedModel, score: ImportedScore) -> Record:
    """The record of an imported score; a failed one where the file has no finite value."""
    metric = metric_named(score.unit_of or score.main_metric, score.direction)
    common = {
        "checkpoint": source.checkpoint,
        "task": score.task,
        "signature": _signature(score),
        "metrics": dict(score.metrics),
        "origin": score.origin,
        "warnings": score.warnings,
        "details": score.details,
        "raw": score.raw,
        "created": datetime.now(UTC),
    }
    if score.value is None:
        reason = f"{score.origin.file} has no finite value of {score.main_metric}"
        return Record(status="failed", reason=reason, **common)
    return Record(
        status="scored",
        main_metric=score.main_metric,
        score=score.value,
        estimator=score.estimator,
        stderr=score.stderr,
        n=score.n,
        percent=metric.unit == "fraction",
        direction=metric.direction,
        unit=metric.unit,
        suspicions=nothing_parsed(score.metrics, score.n or len(score.samples)),
        **common,
    )


def _signature(score: ImportedScore) -> Signature:
    stated = score.stated
    whole = stated.limit is not None and stated.limit >= 1
    return Signature(
        task=score.task["name"],
        task_hash=digest([UNKNOWN, score.task]),
        world=score.world,
        harness=score.origin.harness,
        engine=stated.engine,
        device=stated.device,
        dtype=stated.dtype,
        split=stated.split,
        splits=stated.splits,
        subsets=stated.subsets,
        limit=int(stated.limit) if whole and stated.limit else stated.limit,
        max_length=stated.max_length,
        shots=stated.shots,
        chat_template=stated.chat_template,
        prefix_caching=stated.prefix_caching,
        definition=stated.definition,
        settings=stated.settings,
        **({} if stated.seed is None else {"seed": stated.seed}),
    )


def apart(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Leave out all records of a task and row that several files are about.

    Nothing says which of the files is right.

    Returns:
        The other records, and a line for each cell that was left out.
    """
    cells: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        cells.setdefault((record.checkpoint.fingerprint, record.signature.task), []).append(record)
    kept = [found[0] for found in cells.values() if len(found) == 1]
    lines = [
        f"{len(found)} files are about {task} of {found[0].checkpoint.name}: "
        + " and ".join(dict.fromkeys(_file(record) for record in found))
        + "; import one of their folders, or each with a --name of its own"
        for (_, task), found in cells.items()
        if len(found) > 1
    ]
    return kept, lines


def _file(record: Record) -> str:
    origin = record.origin
    return f"{origin.file} of {origin.harness}" if origin else record.checkpoint.source
