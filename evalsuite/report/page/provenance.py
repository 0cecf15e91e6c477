"""How each score came to be: signature, data, environment, in full."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.report.page.collect import PageData, PageRow
from evalsuite.report.page.text import cut, visible
from evalsuite.schema import Record, digest
from evalsuite.suspicions import said

Pairs = list[tuple[str, str]]

_LONGEST = 4_000
_in_json = json.JSONEncoder(default=str).encode  # json.dumps would make an encoder each time


def row_payload(row: PageRow, environments: Sequence[str]) -> list[dict[str, Any]]:
    """The records of a row, older ones of other signatures included.

    Args:
        row: The row.
        environments: Digests of the environments that the page lists.
    """
    found = []
    for task, record in row.plan.records.items():
        for one in (record, *row.plan.older.get(task, ())):
            older = " (older, not in the table)" if one is not record else ""
            found.append(
                {
                    "title": visible(task + older),
                    "status": one.status,
                    "short": visible(one.signature.short()),
                    "parts": _parts(one),
                    "environment": environments.index(digest(one.environment)),
                }
            )
    return found


def environments(data: PageData) -> dict[str, Pairs]:
    """The distinct environments of all records, by digest."""
    found: dict[str, Pairs] = {}
    for row in data.rows:
        for task, record in row.plan.records.items():
            for one in (record, *row.plan.older.get(task, ())):
                key = digest(one.environment)
                if key not in found:
                    found[key] = _flat(one.environment)
    return found


def _parts(record: Record) -> list[tuple[str, Pairs]]:
    """Title → lines; nothing that is empty."""
    score: dict[str, Any] = {
        "status": record.status,
        "reason": record.reason,
        record.main_metric or "score": record.score,
        "standard error": record.stderr,
        "items": record.n,
        "made": record.created.isoformat(timespec="seconds"),
    }
    metrics = {k: v for k, v in record.metrics.items() if k != record.main_metric}
    parts = [
        ("Score", _flat(score)),
        ("Signature", _flat(record.signature.model_dump(mode="json"))),
        ("Data", _flat(record.data.model_dump(mode="json") if record.data else {})),
        ("Imported from", _flat(record.origin.model_dump(mode="json") if record.origin else {})),
        ("Suspect", [(str(n), visible(said(s))) for n, s in enumerate(record.suspicions, 1)]),
        ("Warnings", [(str(n), visible(w)) for n, w in enumerate(record.warnings, 1)]),
        ("Other metrics", _flat(metrics)),
        ("Seconds and tokens", _flat(record.timings.model_dump() if record.timings else {})),
        ("Found while running", _flat(_without_ids(record.details))),
    ]
    return [(title, lines) for title, lines in parts if lines]


def _flat(source: Mapping[str, Any], prefix: str = "") -> Pairs:
    """Nested plain data as lines; nothing that is ``None``."""
    found: Pairs = []
    for key, value in source.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{name}.")
        elif value is not None:
            text = value if isinstance(value, str) else _in_json(value)
            found.append((visible(name), visible(cut(text, _LONGEST))))
    return found


def _without_ids(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details without token ids, which take much room and mean little to a reader."""
    return {
        key: _without_ids(value) if isinstance(value, Mapping) else value
        for key, value in details.items()
        if key != "token_ids"
    }
