"""Every Eval Ever 0.3.0: a JSON file of scores a model, and a JSONL file of instances."""

from __future__ import annotations

import hashlib
import json
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from evalsuite.exporters.base import (
    HUB_NAME,
    Chosen,
    Run,
    Texts,
    Written,
    write_bytes,
    write_json,
)
from evalsuite.exporters.datasets import dataset_of
from evalsuite.exporters.instances import RIGHT, Instance, instance_of
from evalsuite.metrics import metric_of
from evalsuite.schema import Record, digest

SCHEMA: Final = "0.3.0"
NOT_STATED: Final = "unknown"
UNITS: Final = {"fraction": "proportion", "percent": "percent", "other": "points"}
DETAIL: Final = "evalsuite"
"""Prefix of what only evalsuite reads: the signature, and whole samples."""


def write(chosen: Chosen, folder: Path) -> Written:
    """Write ``data/evalsuite/DEVELOPER/MODEL/UUID.json`` and ``UUID_samples.jsonl``.

    The UUID is made of the content, so that the same scores give the same files. Scores whose
    metric has no known direction are left out: the format asks for one. So are samples that are
    sets of texts, such as those of clustering: the format has instances of one text.
    """
    files: list[Path] = []
    left_out: list[str] = []
    for run in chosen.runs:
        kept = _directed(run)
        left_out += [
            f"{run.label}: {record.signature.task}: whether higher {record.main_metric} is better "
            "is not known, and the format asks for it"
            for record in run.records
            if record not in kept
        ]
        if kept:
            written, lines = _write_run(chosen, run, kept, folder)
            files += written
            left_out += lines
    return Written(files=tuple(files), left_out=tuple(left_out))


def aggregates(chosen: Chosen) -> list[dict[str, Any]]:
    """The scores of each run, without samples: what the JSON files of an export hold."""
    return [_aggregate(chosen, run, kept) for run in chosen.runs if (kept := _directed(run))]


def _directed(run: Run) -> list[Record]:
    """The scores of which it is known whether higher ones are better."""
    return [record for record in run.records if metric_of(record).direction is not None]


def _aggregate(chosen: Chosen, run: Run, records: list[Record]) -> dict[str, Any]:
    content = [record.model_dump(mode="json") for record in records]
    key = uuid.UUID(bytes=bytes.fromhex(digest([run.label, content])[:32]), version=4)
    created = max(record.created for record in records).timestamp()
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"evalsuite/{run.hub_name}/{key}",
        "evaluation_timestamp": f"{created:.0f}",
        "retrieved_timestamp": f"{created:.0f}",
        "source_metadata": {
            "source_name": "evalsuite",
            "source_type": "evaluation_run",
            "source_organization_name": NOT_STATED,
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "evalsuite", "version": version("evalsuite")},
        "model_info": _model(run, records),
        "evaluation_results": [_result(record, chosen) for record in records],
    }


def _write_run(
    chosen: Chosen, run: Run, records: list[Record], folder: Path
) -> tuple[list[Path], list[str]]:
    aggregate = _aggregate(chosen, run, records)
    identity = aggregate["evaluation_id"]
    key = identity.rpartition("/")[2]
    place = Path("data", "evalsuite", *run.hub_name.partition("/")[::2])
    rows: list[dict[str, Any]] = []
    left_out: list[str] = []
    for record in records:
        samples = chosen.samples(record)
        texts = chosen.texts(record)
        found = [_row(run, record, row, identity, texts) for row in samples]
        kept = [row for row in found if row is not None]
        if len(kept) < len(samples):
            left_out.append(
                f"{run.label}: {record.signature.task}: {len(samples) - len(kept)} samples without "
                "a score of their own"
            )
        rows += kept
    files = []
    if rows:
        lines = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        text = lines.encode("utf-8", "replace")
        beside = place / f"{key}_samples.jsonl"
        files.append(write_bytes(folder / beside, text))
        aggregate["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": beside.as_posix(),
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(text).hexdigest(),
            "total_rows": len(rows),
        }
    return [write_json(folder / place / f"{key}.json", aggregate), *files], left_out


def _model(run: Run, records: list[Record]) -> dict[str, Any]:
    engines = list(dict.fromkeys(record.signature.engine for record in records))
    engine, _, number = engines[0].partition(" ")
    measured = all(record.origin is None for record in records)
    return {
        "name": run.label,
        "id": run.hub_name,
        "developer": run.hub_name.partition("/")[0],
        "inference_engine": {"name": engine, **({"version": number} if number else {})},
        "additional_details": {
            "deployment_type": "self_deployed" if measured else NOT_STATED,
            "model_availability": "open_weights" if HUB_NAME.fullmatch(run.model) else NOT_STATED,
            "fingerprint": run.fingerprint,
            "revision": run.revision,
            "engines": ", ".join(engines),
        },
    }


def result_id(record: Record) -> str:
    """Name of a score within its file."""
    return f"{record.signature.task}/{record.main_metric}"


def _result(record: Record, chosen: Chosen) -> dict[str, Any]:
    metric, signature = metric_of(record), record.signature
    least, most = metric.range or ("-Infinity", "Infinity")
    uncertainty: dict[str, Any] = {}
    if record.stderr is not None:
        uncertainty["standard_error"] = {"value": record.stderr, "method": "evalsuite"}
    if record.n is not None:
        uncertainty["num_samples"] = record.n
    return {
        "evaluation_result_id": result_id(record),
        "evaluation_name": signature.task,
        "evaluation_timestamp": record.created.isoformat(),
        "source_data": _source(record, chosen),
        "metric_config": {
            "metric_id": metric.name,
            "metric_name": metric.name,
            "metric_unit": UNITS[metric.unit],
            "lower_is_better": metric.direction == "lower",
            "score_type": "continuous",
            "min_score": least,
            "max_score": most,
        },
        "score_details": {
            "score": record.score,
            "details": {
                f"{DETAIL}.record": json.dumps(
                    record.model_dump(mode="json", exclude={"raw", "samples", "environment"}),
                    ensure_ascii=False,
                ),
                "signature": signature.short(),
                "is_correct": f"score >= {RIGHT}",
            },
            **({"uncertainty": uncertainty} if uncertainty else {}),
        },
    }


def _source(record: Record, chosen: Chosen) -> dict[str, Any]:
    dataset = dataset_of(record, chosen.registry)
    if dataset is None:
        return {"dataset_name": record.signature.task, "source_type": "other"}
    size = {} if record.n is None else {"samples_number": record.n}
    found = {"dataset_name": dataset.name, "source_type": "hf_dataset", "hf_repo": dataset.name}
    if dataset.split:
        found["hf_split"] = dataset.split
    return {**found, **size}


def _row(
    run: Run, record: Record, sample: dict[str, Any], identity: str, texts: Texts
) -> dict[str, Any] | None:
    item = instance_of(sample, record.main_metric or "", texts)
    if item.score is None:
        return None
    asked = digest([item.input, list(item.reference)])
    return {
        "schema_version": SCHEMA,
        "evaluation_id": identity,
        "model_id": run.hub_name,
        "evaluation_name": record.signature.task,
        "evaluation_result_id": result_id(record),
        "sample_id": item.id,
        "sample_hash": asked,
        "interaction_type": "single_turn",
        "input": {"raw": item.input, "reference": list(item.reference)},
        "output": {"raw": list(item.output)},
        "answer_attribution": _attribution(item),
        "evaluation": {"score": item.score, "is_correct": item.right},
        "metadata": {
            "score_is": item.scored_by,
            "is_correct_is": f"score >= {RIGHT}",
            f"{DETAIL}.sample": json.dumps(sample, ensure_ascii=False, default=str),
        },
    }


def _attribution(item: Instance) -> list[dict[str, Any]]:
    if item.extracted is None:
        return []
    return [
        {
            "turn_idx": 0,
            "source": "output.raw",
            "extracted_value": item.extracted,
            "extraction_method": "custom",
            "is_terminal": True,
        }
    ]
