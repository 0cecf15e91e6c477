"""Records as a pandas data frame, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from evalsuite.schema import Record, Signature
from evalsuite.suspicions import said

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, str] = {
    "checkpoint": "name of the checkpoint",
    "fingerprint": "SHA-256 of its weights, config and tokenizer",
    "step": "training step, where known",
    "kind": "kind of checkpoint",
    "task": "name of the task",
    "category": "what the task counts towards",
    "world": "embedding or generative",
    "status": "scored, failed, skipped or stopped",
    "main_metric": "metric that score is",
    "score": "score in the harness's own unit (fractions)",
    "stderr": "standard error of score, same unit",
    "ci_low": "lower end of the score's 95 % interval",
    "ci_high": "upper end",
    "n": "number of test items",
    "groups": "number of groups that they fall into, where stderr allows for that",
    "percent": "whether tables show 100 × score",
    "direction": "which scores are better: higher, lower or not known",
    "unit": "fraction, percent or other",
    "reason": "why it failed or was skipped",
    "created": "when the record was made",
    "signature": "signature in one line",
    "warnings": "what the harness warned of, one a line",
    "suspicions": "why the score must not be trusted without a look, one a line",
    "origin": "result file that it was imported from; empty if evalsuite measured it",
}
"""Columns that every frame has, in order; ``sig_<field>`` and ``metric_<name>`` follow."""


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row a record.

    Args:
        records: Any records.

    Returns:
        The columns of :data:`COLUMNS`, then each field of the signature as ``sig_<field>``,
        then each metric that any record has as ``metric_<name>`` (NaN where a record has not).
    """
    import pandas as pd

    found = list(records)
    fields = [f"sig_{name}" for name in Signature.model_fields]
    metrics = sorted({f"metric_{name}" for record in found for name in record.metrics})
    return pd.DataFrame([_row(record) for record in found], columns=[*COLUMNS, *fields, *metrics])


RECORD = "record"
"""Column of :func:`records_frame` that holds the record itself."""


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """A frame like :func:`to_frame`, with each record itself in the column ``record``."""
    import pandas as pd

    found = list(records)
    return to_frame(found).assign(**{RECORD: pd.Series(found, dtype=object)})


def _row(record: Record) -> dict[str, Any]:
    from evalsuite.metrics import metric_of
    from evalsuite.results.uncertainty import score_interval

    signature, interval, metric = record.signature, score_interval(record), metric_of(record)
    return {
        "checkpoint": record.checkpoint.name,
        "fingerprint": record.checkpoint.fingerprint,
        "step": record.checkpoint.step,
        "kind": record.checkpoint.kind,
        "task": signature.task,
        "category": record.task.get("category"),
        "world": signature.world,
        "status": record.status,
        "main_metric": record.main_metric,
        "score": record.score,
        "stderr": record.stderr,
        "ci_low": interval.low if interval else None,
        "ci_high": interval.high if interval else None,
        "n": record.n,
        "groups": record.groups,
        "percent": record.percent,
        "direction": metric.direction,
        "unit": metric.unit,
        "reason": record.reason,
        "created": record.created,
        "signature": signature.short(),
        "warnings": "\n".join(record.warnings),
        "suspicions": "\n".join(map(said, record.suspicions)),
        "origin": f"{record.origin.format}: {record.origin.file}" if record.origin else "",
        **{f"sig_{name}": value for name, value in signature.model_dump().items()},
        **{f"metric_{name}": value for name, value in record.metrics.items()},
    }
