"""Details of lighteval: ``details_TASK_TIME.parquet``, and the ``results_TIME.json`` of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evalsuite.data.sample_table import SampleTable
from evalsuite.errors import DataError
from evalsuite.files import sha256
from evalsuite.importers.files import finite, object_of, read_json
from evalsuite.importers.foreign import (
    Found,
    estimator_of,
    files_below,
    mean_of,
    read_each,
    row,
    task_named,
)
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import NOT_STATED, ImportedScore, ImportedScores, Stated
from evalsuite.schema import Origin
from evalsuite.text import plain

BEGIN: Final = "details_"
MOST_FILE: Final = 512 * 2**20
"""Bytes of a file of details."""
MOST_ROWS: Final = 1_000_000
METRICS: Final = ("metric", "metrics")
"""Column with the metrics of a sample: of newer and of older versions."""


def read_lighteval(
    path: Path, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read one file of details, or all of a folder.

    The score is the one that ``results_TIME.json`` states (in the folder ``results`` beside
    ``details``), of the first metric; where that file is not there, the mean over the samples.

    Args:
        path: A file ``details_….parquet``, or a folder with some.
        name: What to call the model; else what the results or the folders say.
        revision: The model's revision, where the results state none.

    Raises:
        DataError: If no file can be read.
    """
    paths = files_below(path, f"{BEGIN}*.parquet", "lighteval")
    return read_each(paths, lambda file: [_read(file, name, revision)])


def _read(path: Path, name: str | None, revision: str | None) -> Found:
    task, date = _name(path)
    results = _results(path, date)
    general = object_of(results, "config_general")
    config = object_of(general, "model_config")
    model = general.get("model_name") or config.get("model_name") or _place(path)
    stated = general.get("model_sha") or config.get("revision")
    rows = _rows(path)
    metric = _metric(rows[0], path)
    samples = tuple(_sample(one, metric, number) for number, one in enumerate(rows))
    scores = object_of(object_of(results, "results"), task)
    value = finite(scores.get(metric)) if metric in scores else mean_of(samples)
    known = {key: number for key, one in scores.items() if (number := finite(one)) is not None}
    shots = task.rpartition("|")[2]
    source = ImportedModel(
        model=name or plain(str(model), 200),
        revision=plain(str(stated), 80) if isinstance(stated, str) and stated else revision,
    )
    version = general.get("lighteval_sha")
    return source, ImportedScore(
        task=task_named("lighteval", task.removeprefix("lighteval|")),
        world="generative",
        origin=Origin(
            format="lighteval",
            file=path.name,
            sha256=sha256(path),
            harness=f"lighteval {plain(version, 12) if isinstance(version, str) else NOT_STATED}",
            revision=source.revision,
        ),
        main_metric=plain(metric, 80),
        value=value,
        estimator=estimator_of(value, samples),
        metrics={key: number for key, number in known.items() if not key.endswith("_stderr")}
        or ({} if value is None else {metric: value}),
        stderr=finite(scores.get(f"{metric}_stderr")),
        n=len(samples),
        stated=Stated(
            shots=int(shots) if shots.isdecimal() else None,
            limit=finite(general.get("max_samples")) or None,
        ),
        details={"results": results is not None and bool(scores)},
        raw=dict(scores),
        samples=samples,
    )


def _name(path: Path) -> tuple[str, str]:
    """Task and time in the name of a file."""
    task, _, date = path.stem.removeprefix(BEGIN).rpartition("_")
    if not path.name.startswith(BEGIN) or not task:
        raise DataError(f"{path.name} is not called {BEGIN}TASK_TIME.parquet", "give such a file")
    return task, date


def _place(path: Path) -> str:
    """The model by the folders ``details/ORG/MODEL/TIME``."""
    parts = path.absolute().parts
    if "details" in parts:
        inside = parts[len(parts) - parts[::-1].index("details") : -2]
        if inside:
            return "/".join(inside[-2:])
    return path.absolute().parent.name


def _results(path: Path, date: str) -> dict[str, Any]:
    """The results of the same run; empty where they are not there."""
    file = f"results_{date}.json"
    for folder in list(path.absolute().parents)[:5]:
        if folder.name == "details":
            inside = path.absolute().relative_to(folder).parts[:-2]
            beside = folder.parent.joinpath("results", *inside, file)
            return read_json(beside).content if beside.is_file() else {}
    beside = path.with_name(file)
    return read_json(beside).content if beside.is_file() else {}


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if size > MOST_FILE:
        raise DataError(f"{path.name} has more than {MOST_FILE // 2**20} MiB")
    table = SampleTable.read(path)
    columns = ("doc", "model_response", *METRICS, "full_prompt", "gold", "predictions", "example")
    rows = table.narrow(columns)
    if not rows:
        raise DataError(f"{path.name} has no samples")
    return rows


def _metric(first: Mapping[str, Any], path: Path) -> str:
    """The first metric of the samples that is a number."""
    for column in METRICS:
        for name, value in object_of(first, column).items():
            if _number(value) is not None:
                return str(name)
    raise DataError(f"{path.name} has no metric that is a number")


def _sample(entry: Mapping[str, Any], metric: str, number: int) -> dict[str, Any]:
    score = next((m[metric] for c in METRICS if metric in (m := object_of(entry, c))), None)
    doc, answer = object_of(entry, "doc"), object_of(entry, "model_response")
    if not doc:  # before version 0.9
        return row(
            number,
            _number(score),
            prompt=_text(entry.get("full_prompt") or entry.get("example")),
            target=_text(entry.get("gold")),
            response=_text(entry.get("predictions")),
        )
    choices, gold = doc.get("choices"), doc.get("gold_index")
    gold = gold if isinstance(gold, list) else [gold]
    right = [
        choices[index]
        for index in gold
        if isinstance(choices, list) and isinstance(index, int) and index < len(choices)
    ]
    texts, processed = answer.get("text"), answer.get("text_post_processed")
    return row(
        doc.get("id") or number,
        _number(score),
        prompt=_text(answer.get("input") or doc.get("query")),
        target=_text(right),
        response=_text(texts),
        extracted=_text(processed),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, bool) else finite(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    if isinstance(value, dict):
        return _text(value.get("content"))
    return "" if value is None else str(value)
