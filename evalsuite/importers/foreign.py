"""What readers of result files with tasks of their own share: rows, tasks, and whole folders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from evalsuite.errors import DataError
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import (
    ImportedScore,
    ImportedScores,
    Samples,
    Stated,
    apart,
    to_record,
)
from evalsuite.schema import Estimator, Origin, Record, digest
from evalsuite.text import plain

Found = tuple[ImportedModel, ImportedScore]
SAME: Final = 1e-4
"""Largest difference between a stated score and the mean of its samples."""


def task_named(format_: str, name: str) -> dict[str, Any]:
    """The definition of a task that only a file knows: ``inspect:NAME``."""
    return {"name": f"{format_}:{plain(name, 100) or 'unnamed'}", "kind": format_}


def row(
    sample: object,
    score: float | None,
    *,
    prompt: str = "",
    target: str = "",
    response: str = "",
    extracted: str = "",
    parsed: bool = True,
    group: str = "",
) -> dict[str, Any]:
    """A sample in the columns that those of generative tasks have."""
    return {
        "sample": str(sample),
        "group": group,
        "score": score,
        "prompt": prompt,
        "target": target,
        "response": response,
        "extracted": extracted,
        "parsed": parsed,
    }


def mean_of(samples: Samples) -> float | None:
    """The mean score; ``None`` where a sample has none, or there are no samples."""
    scores = [sample["score"] for sample in samples]
    if not scores or any(score is None for score in scores):
        return None
    return math.fsum(scores) / len(scores)


def estimator_of(value: float | None, samples: Samples) -> Estimator:
    """``mean`` where the score is that of its samples, so that they can be compared in pairs."""
    mean = mean_of(samples)
    return (
        "mean" if mean is not None and value is not None and abs(mean - value) <= SAME else "other"
    )


def exported(content: object) -> Record | None:
    """The record that an export of evalsuite carries; ``None`` where it is not one."""
    try:
        return Record.model_validate(content)
    except (ValidationError, RecursionError):
        return None


def from_export(
    record: Record, value: float | None, origin: Origin, samples: Samples
) -> ImportedScore:
    """A score that evalsuite exported: what the file says, with the settings that it carries.

    It is an imported score all the same, with a signature of its own: anybody may have edited it.
    """
    signature = record.signature
    return ImportedScore(
        task=record.task,
        world=signature.world,
        origin=origin,
        main_metric=record.main_metric or "score",
        value=value,
        estimator=record.estimator or "other",
        metrics=record.metrics,
        stderr=record.stderr,
        n=record.n,
        direction=record.direction,
        unit_of=None,
        stated=Stated(
            engine=signature.engine,
            device=signature.device,
            dtype=signature.dtype,
            split=signature.split,
            splits=signature.splits,
            subsets=signature.subsets,
            limit=signature.limit,
            max_length=signature.max_length,
            shots=signature.shots,
            chat_template=signature.chat_template,
            prefix_caching=signature.prefix_caching,
            seed=signature.seed,
            definition=f"exported {signature.task_hash[:8]}",
            settings=f"exported {digest(signature.protocol)[:8]}",
        ),
        details={key: record.details[key] for key in KEPT_DETAILS if key in record.details},
        raw={},
        warnings=record.warnings,
        samples=samples,
    )


KEPT_DETAILS: Final = ("leaderboard_metric", "mean_over_groups", "split", "parts")
"""Facts about a score that tables and statistics use."""


def files_below(path: Path, pattern: str, whose: str) -> list[Path]:
    """A file, or all files of a folder that match.

    Raises:
        DataError: If there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path} does not exist", "give a file or a folder")
    found = sorted(path.rglob(pattern))
    if not found:
        raise DataError(f"no file {pattern} of {whose} is in {path}")
    return found


def read_each(paths: Sequence[Path], read: Callable[[Path], Iterable[Found]]) -> ImportedScores:
    """Read files; one that cannot be read costs a line, not the others.

    Raises:
        DataError: If none can be read, for the reason of the first.
    """
    found: list[Found] = []
    bad: list[DataError] = []
    for path in paths:
        try:
            found += read(path)
        except DataError as error:
            bad.append(error)
    if not found:
        raise bad[0] if bad else DataError(f"{paths[0].name} holds no score")
    records = [(to_record(source, score), score.samples) for source, score in found]
    kept, doubled = apart([record for record, _ in records])
    identities = {id(record) for record in kept}
    return ImportedScores(
        records=tuple(one for one in records if id(one[0]) in identities),
        left_out=(*(error.line for error in bad), *doubled),
        unknown=tuple(
            score.task["name"] for _, score in found if ":" in str(score.task.get("name"))
        ),
    )
