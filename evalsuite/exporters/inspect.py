"""Logs that inspect's reader opens and inspect view shows: one ``.eval`` file a task."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from evalsuite.exporters.base import Chosen, Rows, Run, Texts, Written, folder_name, write_bytes
from evalsuite.exporters.datasets import dataset_of
from evalsuite.exporters.instances import PLACED, instance_of
from evalsuite.metrics import metric_of
from evalsuite.schema import Record, digest

VERSION: Final = 2
"""Of the layout of logs."""
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""Time of all entries: the same scores give the same bytes."""
LONGEST_ID: Final = 150
OURS: Final = "evalsuite"
"""Key of a log's metadata with what only evalsuite reads."""


def write(chosen: Chosen, folder: Path) -> Written:
    """Write ``TIME_TASK_ID.eval`` for each score, with its samples where single ones have scores.

    Samples that are sets of texts (clustering) stand in the log without a score.
    """
    files = [
        _write_record(chosen, run, record, folder) for run in chosen.runs for record in run.records
    ]
    return Written(files=tuple(files))


def _write_record(chosen: Chosen, run: Run, record: Record, folder: Path) -> Path:
    rows = chosen.samples(record)
    key = digest([run.label, record.model_dump(mode="json")])
    names, texts = _ids(record, rows), chosen.texts(record)
    samples = [_sample(record, row, name, texts) for row, name in zip(rows, names, strict=True)]
    spec = _spec(chosen, run, record, key, names) | {"metadata": _metadata(record, rows)}
    start = {"version": VERSION, "eval": spec, "plan": _PLAN}
    header = {
        **start,
        "status": "success",
        "results": _results(record, samples),
        "stats": _stats(record),
    }
    entries: dict[str, Any] = {"_journal/start.json": start}
    for sample in samples:
        entries[f"samples/{sample['id']}_epoch_1.json"] = sample
    entries["summaries.json"] = [_summary(sample) for sample in samples]
    entries["header.json"] = header
    stamp = record.created.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S-00-00")
    name = f"{stamp}_{folder_name(record.signature.task)}_{key[:22]}.eval"
    return write_bytes(folder / name, _zipped(entries))


_PLAN: Final[dict[str, Any]] = {"name": "plan", "steps": [], "config": {}}


def _zipped(entries: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            text = json.dumps(content, ensure_ascii=False, allow_nan=False, default=str)
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode("utf-8", "replace"))
    return sink.getvalue()


def _spec(chosen: Chosen, run: Run, record: Record, key: str, names: list[str]) -> dict[str, Any]:
    dataset = dataset_of(record, chosen.registry)
    limit = record.signature.limit
    return {
        "eval_id": key[:22],
        "run_id": digest([run.label, run.fingerprint])[:22],
        "task_id": digest(record.signature.task)[:22],
        "created": record.created.astimezone(UTC).isoformat(timespec="seconds"),
        "task": record.signature.task,
        "task_version": record.task.get("version", 0),
        "task_attribs": {},
        "task_args": {},
        "dataset": {
            "name": dataset.name if dataset else record.signature.task,
            "samples": len(names) or record.n,
            "sample_ids": names,
            "shuffled": False,
        },
        "model": run.model,
        "model_args": {},
        "config": {"epochs": 1, **({"limit": int(limit)} if limit and limit >= 1 else {})},
        "packages": {OURS: version(OURS)},
    }


def _metadata(record: Record, rows: Rows) -> dict[str, Any]:
    """What inspect view shows beside the score, and what the importer needs."""
    plain = record.model_dump(mode="json", exclude={"raw", "samples", "environment"})
    return {
        "harness": record.signature.harness,
        "signature": record.signature.short(),
        OURS: {"record": plain, "columns": list(rows[0]) if rows else []},
    }


def _stats(record: Record) -> dict[str, str]:
    """When it was evaluated; nothing for imported scores, whose files do not say how long."""
    if record.timings is None:
        return {}
    end = record.created.astimezone(UTC)
    start = end - timedelta(seconds=record.timings.total)
    return {"started_at": start.isoformat(), "completed_at": end.isoformat()}


def _results(record: Record, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    metric = metric_of(record)
    metrics = {metric.name: {"name": metric.name, "value": record.score}}
    if record.stderr is not None:
        metrics["stderr"] = {"name": "stderr", "value": record.stderr}
    scored = sum("scores" in sample for sample in samples)
    return {
        "total_samples": len(samples) or record.n or 0,
        "completed_samples": len(samples) or record.n or 0,
        "scores": [
            {
                "name": metric.name,
                "scorer": metric.name,
                "scored_samples": scored,
                "unscored_samples": len(samples) - scored,
                "params": {},
                "metrics": metrics,
            }
        ],
    }


def _ids(record: Record, rows: Rows) -> list[str]:
    """The samples' ids without ``/``, which would be a folder in the archive; each once."""
    items = [instance_of(row, record.main_metric or "") for row in rows]
    names = [
        re.sub(r"[/\\\x00-\x1f]", "_", item.id)[:LONGEST_ID]
        for item, row in zip(items, rows, strict=True)
    ]
    if len(set(names)) == len(names):
        return names
    return [f"{name}.{number}" for number, name in enumerate(names)]


def _sample(record: Record, row: dict[str, Any], name: str, texts: Texts) -> dict[str, Any]:
    metric = record.main_metric or ""
    item = instance_of(row, metric, texts)
    answer = "\n".join(item.output)
    asked = item.input
    reply = {"role": "assistant", "content": answer, "source": "generate"}
    found: dict[str, Any] = {
        "id": name,
        "epoch": 1,
        "uuid": digest([record.checkpoint.fingerprint, record.signature.plan_key, name])[:22],
        "input": asked,
        "target": list(item.reference) if item.reference else "",
        "messages": [{"role": "user", "content": asked, "source": "input"}, reply],
        "output": {
            "model": record.checkpoint.name,
            "choices": [{"message": reply, "stop_reason": "stop"}],
            "completion": answer,
        },
        "metadata": {column: row[column] for column in row if column not in PLACED},
        "store": {},
        "events": [],
        "attachments": {},
    }
    if item.score is None and row.get("score") is not None:
        found["metadata"]["score"] = row["score"]  # of a set of texts
    if item.score is not None:
        explained = None if item.scored_by == metric else f"{item.scored_by} of this sample"
        found["scores"] = {
            metric: {"value": item.score, "answer": item.extracted, "explanation": explained}
        }
    return found


def _summary(sample: dict[str, Any]) -> dict[str, Any]:
    """What inspect view lists without opening a sample: long texts are cut."""
    kept = ("id", "epoch", "uuid", "scores")
    return {
        **{name: sample[name] for name in kept if name in sample},
        "input": sample["input"][:1000],
        "target": sample["target"],
        "metadata": {
            name: value[:1000] if isinstance(value, str) else value
            for name, value in sample["metadata"].items()
            if isinstance(value, str | int | float | bool)
        },
        "completed": True,
        "message_count": len(sample["messages"]),
    }
