"""mteb's results repository: ``results/ORG__MODEL/REVISION/TASK.json``, ``model_meta.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalsuite.exporters.base import Chosen, Run, Written, folder_name, write_json
from evalsuite.importers.records import NOT_STATED
from evalsuite.registry.load import Registry
from evalsuite.schema import Record, digest

META: Final = "model_meta.json"
NOT_OF_MODEL: Final = ("limit", "seed", "code", "device", "world")
"""Fields of a protocol that are no property of how the model is used."""


def write(chosen: Chosen, folder: Path) -> Written:
    """Write the scores that mteb computed, as mteb wrote them.

    The first row of a model is the model's own; further rows (another instruction, fewer
    dimensions) go into ``experiments/``, where mteb keeps models that were loaded otherwise. Scores
    of a part of a task are left out: mteb's file cannot say that they are not of the whole.
    """
    files: list[Path] = []
    left_out: list[str] = []
    seen: set[tuple[str, str]] = set()
    for run in chosen.runs:
        name = run.hub_name
        place = folder / "results" / folder_name(name) / folder_name(run.revision)
        again = (name, run.revision) in seen
        contents: dict[str, dict[str, Any]] = {}
        for record in run.records:
            why = _unfit(record)
            if why:
                left_out.append(f"{run.label}: {record.signature.task} {why}")
                continue
            content = _content(record, chosen.registry)
            if content["task_name"] in contents:
                left_out.append(
                    f"{run.label}: {record.signature.task} is another score of "
                    f"{content['task_name']}, which mteb has one file for"
                )
                continue
            contents[content["task_name"]] = content
        if not contents:
            continue
        seen.add((name, run.revision))
        settings = _settings(run) if again else None
        target = place / "experiments" / _experiment(settings) if settings else place
        files.append(write_json(target / META, _meta(run, name, settings)))
        for task, content in contents.items():
            files.append(write_json(target / f"{folder_name(task)}.json", content))
    return Written(files=tuple(files), left_out=tuple(left_out))


def _unfit(record: Record) -> str:
    """Why a score cannot be a file of mteb; empty where it can."""
    if not record.signature.harness.startswith("mteb") or not record.raw.get("scores"):
        return "was not computed by mteb"
    if record.signature.limit is not None or record.task.get("limit") is not None:
        return "was measured on a part of the data, which mteb's file cannot say"
    if record.task.get("data"):
        return "is on files of one's own, which mteb knows no task of"
    if record.signature.subsets or record.details.get("parts"):
        return "covers a part of mteb's task, which mteb's file cannot say"
    return ""


def _content(record: Record, registry: Registry) -> dict[str, Any]:
    """A file of mteb: the one that mteb made here, or what was kept of an imported one."""
    if "task_name" in record.raw:
        return dict(record.raw)
    assert record.origin is not None
    version = record.origin.harness.removeprefix("mteb ")
    task = registry.tasks.get(record.signature.task)
    name = record.task.get("source") or (task and task.source)
    return {
        "task_name": name or record.signature.task.removeprefix("mteb:"),
        "dataset_revision": record.details.get("dataset_revision"),
        "mteb_version": None if version == NOT_STATED else version,
        "scores": record.raw["scores"],
        "evaluation_time": None,
        "kg_co2_emissions": None,
    }


def _settings(run: Run) -> dict[str, str]:
    """How a further row of a model was evaluated, as texts."""
    protocol = run.records[0].signature.protocol
    return {key: str(value) for key, value in protocol.items() if key not in NOT_OF_MODEL}


def _experiment(settings: dict[str, str]) -> str:
    return f"protocol_{digest(settings)[:12]}"


def _meta(run: Run, name: str, settings: dict[str, str] | None) -> dict[str, Any]:
    """A ``ModelMeta`` of mteb; what is not known of the model is null."""
    first = run.records[0].signature
    return {
        "loader": None,
        "name": name,
        "revision": run.revision,
        "release_date": None,
        "languages": None,
        "n_parameters": None,
        "memory_usage_mb": None,
        "max_tokens": first.max_length,
        "embed_dim": first.dims,
        "license": None,
        "open_weights": None,
        "public_training_code": None,
        "public_training_data": None,
        "framework": [],
        "reference": None,
        "similarity_fn_name": None,
        "use_instructions": None if first.instructions is None else first.instructions != "none",
        "training_datasets": None,
        "experiment_kwargs": settings,
    }
