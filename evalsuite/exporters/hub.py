"""Scores on a model's page: ``.eval_results/*.yaml``, and ``model-index`` of its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalsuite.exporters.base import (
    Chosen,
    Run,
    Writer,
    Written,
    folder_name,
    only_run,
    write_bytes,
)
from evalsuite.exporters.datasets import HubDataset, dataset_of
from evalsuite.exporters.model_card import merged
from evalsuite.metrics import metric_of
from evalsuite.schema import Record

FOLDER: Final = ".eval_results"
INDEX: Final = "model-index.yaml"
TASKS: Final = {"embedding": "sentence-similarity", "generative": "text-generation"}
"""World → the hub's name of the task."""
MARK: Final = "(evalsuite)"
"""Ends the names of metrics, so that a later export finds its own."""
REGISTERED: Final = (
    "the hub shows .eval_results only of data sets that are registered as benchmarks there; "
    "model-index is shown for all"
)


def write(chosen: Chosen, folder: Path) -> Written:
    """Write ``.eval_results/TASK.yaml`` and ``model-index.yaml`` for one model.

    Values are as tables show them: 0 to 100 for fractions. Scores on own files are left out: both
    forms name a data set on the hub.
    """
    run = only_run(chosen, "hub")
    files: list[Path] = []
    results: list[dict[str, Any]] = []
    left_out: list[str] = []
    for record in run.records:
        dataset = dataset_of(record, chosen.registry)
        if dataset is None:
            left_out.append(f"{run.label}: {record.signature.task} names no data set on the hub")
            continue
        name = f"{folder_name(record.signature.task)}.yaml"
        files.append(_write_yaml(folder / FOLDER / name, _entries(record, dataset)))
        results.append(_result(record, dataset))
    if results:
        files.append(_write_yaml(folder / INDEX, {"model-index": _index(run, results)}))
    notes = (REGISTERED,) if files else ()
    return Written(files=tuple(files), left_out=tuple(left_out), notes=notes)


def with_card(card: Path) -> Writer:
    """A writer that also merges ``model-index`` into a model card; see :func:`merged`."""

    def write_both(chosen: Chosen, folder: Path) -> Written:
        run = only_run(chosen, "hub")
        found = [(r, d) for r in run.records if (d := dataset_of(r, chosen.registry)) is not None]
        new = [_result(record, dataset) for record, dataset in found]
        # Before anything is written: a card that cannot be merged ends the export.
        change = merged(card, _index(run, new), MARK) if new else None
        written = write(chosen, folder)
        if change is None:
            return written
        backup = change.save()
        return Written(
            files=(*written.files, card),
            left_out=written.left_out,
            notes=(*written.notes, f"the card as it was: {backup}"),
        )

    return write_both


def _entries(record: Record, dataset: HubDataset) -> list[dict[str, Any]]:
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    entry = EvalResultEntry(
        dataset_id=dataset.name,
        task_id=record.task.get("source")
        or record.signature.task.partition(":")[2]
        or record.signature.task,
        value=_shown(record),
        dataset_revision=dataset.revision,
        date=record.created.isoformat(),
        notes=f"{record.main_metric}; {record.signature.short()}",
    )
    found: list[dict[str, Any]] = eval_result_entries_to_yaml([entry])
    return found


def _shown(record: Record) -> float:
    """The score as tables show it, so that 100 is the best of a fraction."""
    assert record.score is not None
    return round(metric_of(record).factor * record.score, 6)


def _result(record: Record, dataset: HubDataset) -> dict[str, Any]:
    """One result of a ``model-index``."""
    found: dict[str, Any] = {"type": dataset.name, "name": record.signature.task}
    if dataset.split:
        found["split"] = dataset.split
    if dataset.revision:
        found["revision"] = dataset.revision
    metric = record.main_metric or ""
    return {
        "task": {"type": TASKS[record.signature.world]},
        "dataset": found,
        "metrics": [{"type": metric, "value": _shown(record), "name": f"{metric} {MARK}"}],
    }


def _index(run: Run, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": run.model.rpartition("/")[2], "results": results}]


def _write_yaml(path: Path, content: object) -> Path:
    from huggingface_hub.utils import yaml_dump

    return write_bytes(path, yaml_dump(content, sort_keys=False).encode())
