"""Records as flat rows, and the files of tables, for ``csv``, ``parquet`` and ``json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from evalsuite.exporters.base import Chosen, Rows, Run, Written, folder_name
from evalsuite.metrics import metric_of
from evalsuite.schema import Record, Signature

PLAIN: Final = (
    "status", "main_metric", "score", "stderr", "n", "groups", "estimator", "direction", "unit",
)  # fmt: skip
"""Fields of a record that are columns as they are."""


def record_row(run: Run, record: Record) -> dict[str, Any]:
    """A record as one flat row: the same columns for every record.

    Fields of the signature are called ``signature.FIELD``; metrics, warnings and suspicions are
    JSON texts. The score is in the harness's own unit, as stored.
    """
    plain = record.model_dump(mode="json")
    metric = metric_of(record)
    return {
        "row": run.label,
        "checkpoint": record.checkpoint.name,
        "fingerprint": record.checkpoint.fingerprint,
        "source": record.checkpoint.source,
        "step": record.checkpoint.step,
        "task": record.signature.task,
        "category": record.task.get("category"),
        **{name: plain[name] for name in PLAIN},
        "direction": metric.direction,
        "unit": metric.unit,
        "created": plain["created"],
        "metrics": json.dumps(record.metrics, ensure_ascii=False),
        "warnings": json.dumps(plain["warnings"], ensure_ascii=False),
        "suspicions": json.dumps(plain["suspicions"], ensure_ascii=False),
        "origin": record.origin.file if record.origin else None,
        "origin_harness": record.origin.harness if record.origin else None,
        **{f"signature.{name}": plain["signature"][name] for name in Signature.model_fields},
    }


def sample_files(chosen: Chosen) -> Iterator[tuple[Run, Record, str, Rows]]:
    """Each record's samples, with the name of their file: ``samples/ROW/TASK`` without its end."""
    taken: set[str] = set()
    for run in chosen.runs:
        folder = base = folder_name(run.label)
        if folder in taken:
            folder = f"{base}-{run.fingerprint[:8]}"
        taken.add(folder)
        for record in run.records:
            rows = chosen.samples(record)
            if rows:
                yield run, record, f"samples/{folder}/{folder_name(record.signature.task)}", rows


def write_tables(
    chosen: Chosen, folder: Path, end: str, write: Callable[[Path, Rows], Path]
) -> Written:
    """Write one table of records, and one of samples for each record that has some.

    Args:
        chosen: The scores.
        folder: Where to write.
        end: How the files' names end, with the dot.
        write: Writes a table.
    """
    records = [record_row(run, record) for run in chosen.runs for record in run.records]
    files = [write(folder / f"records{end}", records)]
    files += [write(folder / f"{name}{end}", rows) for _, _, name, rows in sample_files(chosen)]
    return Written(files=tuple(files))
