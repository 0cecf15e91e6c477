"""Files of Every Eval Ever: scores of a model, and instances in ``…_samples.jsonl`` beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field

from evalsuite.errors import DataError
from evalsuite.importers.files import JsonFile, finite, parsed, read_json, read_lines, validated
from evalsuite.importers.foreign import (
    Found,
    estimator_of,
    exported,
    files_below,
    from_export,
    read_each,
    row,
    task_named,
)
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import ImportedScore, ImportedScores
from evalsuite.metrics import metric_named
from evalsuite.schema import Origin, World
from evalsuite.text import plain, word

READ: Final = ("0.2.", "0.3.")
"""Beginnings of the versions of the schema that are read."""
EMBEDDING: Final = ("mteb", "beir")
"""Names of libraries whose scores are those of embeddings."""


class _Result(BaseModel):
    """One score of a file."""

    evaluation_name: str
    evaluation_result_id: str | None = None
    metric_config: dict[str, Any]
    score_details: dict[str, Any]
    source_data: dict[str, Any] = Field(default_factory=dict)


class _File(BaseModel):
    """What is read of a file."""

    schema_version: str
    evaluation_id: str
    eval_library: dict[str, Any] = Field(default_factory=dict)
    model_info: dict[str, Any]
    evaluation_results: list[_Result] = Field(min_length=1)
    detailed_evaluation_results: dict[str, Any] | None = None


def read_eee(path: Path, *, name: str | None = None, revision: str | None = None) -> ImportedScores:
    """Read one file of scores, or all of a folder.

    Scores from 0 to 100 whose metric is a fraction elsewhere are divided by 100.

    Args:
        path: A file ``UUID.json``, or a folder with some.
        name: What to call the model instead.
        revision: The model's revision, where the file states none.

    Raises:
        DataError: If no file can be read.
    """
    paths = files_below(path, "*.json", "Every Eval Ever")
    return read_each(paths, lambda file: _read(file, name, revision))


def _read(path: Path, name: str | None, revision: str | None) -> Iterator[Found]:
    file = read_json(path)
    version = file.content.get("schema_version")
    if isinstance(version, str) and not version.startswith(READ):
        raise DataError(
            f"{path.name} has version {plain(version, 20)} of the schema, and 0.2 and 0.3 are read",
            "convert it with every_eval_ever",
        )
    hint = "give the file with the scores, not the samples"
    found = validated(_File, file.content, file.name, "Every Eval Ever", hint)
    details = found.model_info.get("additional_details")
    stated = details.get("revision") if isinstance(details, Mapping) else None
    model = found.model_info.get("id") or found.model_info.get("name")
    source = ImportedModel(
        model=name or plain(str(model), 200),
        revision=plain(stated, 80) if isinstance(stated, str) and stated else revision,
    )
    samples = _samples(path, found)
    for result in found.evaluation_results:
        key = result.evaluation_result_id or result.evaluation_name
        yield source, _score(file, found, result, samples.get(key, []), source.revision)


def _score(
    file: JsonFile,
    found: _File,
    result: _Result,
    instances: list[Mapping[str, Any]],
    revision: str | None,
) -> ImportedScore:
    library = found.eval_library
    origin = Origin(
        format="eee",
        file=file.name,
        sha256=file.sha256,
        harness=word(f"{library.get('name', 'unknown')} {library.get('version', '')}".strip(), 80),
        revision=revision,
    )
    details = result.score_details.get("details")
    value = finite(result.score_details.get("score"))
    record = _carried(details, "evalsuite.record")
    if (own := exported(record)) is not None:
        rows = [_carried(one.get("metadata"), "evalsuite.sample") for one in instances]
        kept = tuple(one for one in rows if isinstance(one, dict) and "sample" in one)
        return from_export(own, value, origin, kept)
    config = result.metric_config
    metric = plain(str(config.get("metric_id") or config.get("metric_name") or "score"), 80)
    scale = _scale(metric, config)
    samples = tuple(_row(one, scale) for one in instances)
    uncertainty = result.score_details.get("uncertainty")
    uncertainty = uncertainty if isinstance(uncertainty, dict) else {}
    error = uncertainty.get("standard_error")
    stderr = finite(error.get("value")) if isinstance(error, dict) else None
    size = finite(uncertainty.get("num_samples"))
    better = config.get("lower_is_better")
    scaled = None if value is None else value / scale
    return ImportedScore(
        task=task_named("eee", result.evaluation_name),
        world=_world(library),
        origin=origin,
        main_metric=metric,
        value=scaled,
        estimator=estimator_of(scaled, samples),
        metrics={} if scaled is None else {metric: scaled},
        stderr=None if stderr is None else stderr / scale,
        n=int(size) if size else len(samples) or None,
        direction=None if not isinstance(better, bool) else ("lower" if better else "higher"),
        details={"source_data": result.source_data},
        raw=result.model_dump(mode="json"),
        samples=samples,
    )


def _scale(metric: str, config: Mapping[str, Any]) -> float:
    """100 where the file has percent of what is a fraction here, else 1."""
    percent = config.get("metric_unit") == "percent" or finite(config.get("max_score")) == 100
    return 100.0 if percent and metric_named(metric).unit == "fraction" else 1.0


def _world(library: Mapping[str, Any]) -> World:
    return "embedding" if str(library.get("name", "")).lower() in EMBEDDING else "generative"


def _carried(details: object, key: str) -> Any:
    """What an export of evalsuite keeps as JSON in a text."""
    text = details.get(key) if isinstance(details, Mapping) else None
    if not isinstance(text, str):
        return None
    try:
        return parsed(text.encode("utf-8", "replace"), key)
    except DataError:
        return None


def _samples(path: Path, found: _File) -> dict[str, list[Mapping[str, Any]]]:
    """Instances by the score that they belong to."""
    beside = path.with_name(f"{path.stem}_samples.jsonl")
    if found.detailed_evaluation_results is None or not beside.is_file():
        return {}
    by_score: dict[str, list[Mapping[str, Any]]] = {}
    for number, instance in enumerate(read_lines(beside), 1):
        if instance.get("evaluation_id") != found.evaluation_id:
            raise DataError(
                f"{beside.name}:{number} belongs to another evaluation than {path.name}",
                "take the right samples, or none",
            )
        key = instance.get("evaluation_result_id") or instance.get("evaluation_name")
        by_score.setdefault(str(key), []).append(instance)
    return by_score


def _row(instance: Mapping[str, Any], scale: float) -> dict[str, Any]:
    asked, output = instance.get("input"), instance.get("output")
    asked = asked if isinstance(asked, dict) else {}
    output = output if isinstance(output, dict) else {}
    given = instance.get("answer_attribution")
    attributed = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    evaluation = instance.get("evaluation")
    score = finite(evaluation.get("score")) if isinstance(evaluation, dict) else None
    return row(
        instance.get("sample_id"),
        None if score is None else score / scale,
        prompt=_text(asked.get("formatted") or asked.get("raw")),
        target=_text(asked.get("reference")),
        response=_text(output.get("raw")),
        extracted=_text(attributed[-1].get("extracted_value")) if attributed else "",
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return "" if value is None else str(value)
