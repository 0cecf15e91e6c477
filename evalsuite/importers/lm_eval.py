"""Result files of lm-eval: ``results_….json``, and ``samples_….jsonl`` beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalsuite.errors import DataError, UsageError, did_you_mean
from evalsuite.importers.files import JsonFile, finite, read_json, validated
from evalsuite.importers.lm_eval_file import LmEvalFile, Metrics, in_newer_form, metric_keys, shown
from evalsuite.importers.lm_eval_model import stated_model
from evalsuite.importers.lm_eval_samples import logged_samples
from evalsuite.importers.lm_eval_settings import stated_settings
from evalsuite.importers.records import (
    NOT_STATED,
    ImportedScore,
    ImportedScores,
    apart,
    to_record,
)
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.schema import Origin
from evalsuite.text import plain, word


def read_lm_eval(
    path: Path, registry: Registry, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read one result file of lm-eval.

    Each task that is not a part of a group with a score of its own becomes a record; the parts'
    metrics and samples are kept with the group's, however deep they are. A task is taken for the
    registry's task of the same lm-eval name. A score that is not finite is a failed one.

    Args:
        path: The file ``results_….json``.
        registry: Tasks by name.
        name: What to call the model instead.
        revision: The model's revision, where the file states none.

    Raises:
        DataError: If the file is not a result of lm-eval, or holds no score that can be read.
    """
    file = read_json(path)
    hint = "give the file results_….json"
    found = validated(LmEvalFile, in_newer_form(file.content), file.name, "lm-eval", hint)
    source = stated_model(found.config, found.model_name, path, name=name, given=revision)
    scores: list[ImportedScore] = []
    unknown: list[str] = []
    bad: list[DataError] = []
    for entry in found.tops:
        try:
            task = _task(entry, registry, path)
            scores.append(_score(file, found, task, entry, path, source.revision))
        except DataError as error:
            bad.append(error)
            continue
        if task.name.startswith("lm_eval:"):
            unknown.append(entry)
    if not scores:
        raise bad[0] if bad else DataError(f"{path.name} holds no score of lm-eval")
    samples = {score.task["name"]: score.samples for score in scores}
    records, doubled = apart([to_record(source, score) for score in scores])
    return ImportedScores(
        records=tuple((record, samples[record.signature.task]) for record in records),
        left_out=(*(error.line for error in bad), *doubled),
        unknown=tuple(unknown),
        earlier={source.checkpoint.fingerprint: source.earlier},
    )


def _task(entry: str, registry: Registry, path: Path) -> Task:
    known = [
        task
        for task in registry.tasks.values()
        if isinstance(task, LmEvalTask) and entry in (task.source, task.base_source)
    ]
    if known:
        return known[0]
    try:
        return registry.task(f"lm_eval:{entry}")
    except UsageError as error:
        raise DataError(f"{path.name}: {plain(error.message, 120)}") from None


def _score(
    file: JsonFile, found: LmEvalFile, task: Task, entry: str, path: Path, revision: str | None
) -> ImportedScore:
    own, leaves = found.results[entry], found.leaves(entry)
    key = _main_key(own, task, f"{file.name}: {entry}")
    metric, _, filter_name = key.partition(",")
    outputs = {leaf: found.configs.get(leaf, {}).get("output_type") for leaf in leaves}
    logged = logged_samples(path, leaves, key, {k: v for k, v in outputs.items() if v})
    size = found.size(entry)
    parts = {
        part: found.results[part] for part in found.descendants(entry) if part in found.results
    }
    return ImportedScore(
        task=task.model_dump(mode="json", exclude_defaults=True),
        world="generative",
        origin=Origin(
            format="lm-eval",
            file=file.name,
            sha256=file.sha256,
            harness=f"lm-eval {word(found.lm_eval_version or NOT_STATED, 40)}",
            revision=revision,
        ),
        main_metric=shown(key),
        value=finite(own[key]),
        estimator="other" if any(row["score"] is None for row in logged.rows) else "mean",
        stderr=finite(own.get(f"{metric}_stderr,{filter_name}")),
        n=len(logged.rows) if size is None and logged.complete else size,
        direction=found.direction(entry, metric),
        metrics={**logged.unparsed, **_metrics({entry: own, **parts}, entry)},
        stated=stated_settings(found, entry),
        details={"version": found.versions.get(entry)},
        raw={"results": {entry: dict(own), **{part: dict(row) for part, row in parts.items()}}},
        samples=logged.rows,
    )


def _main_key(metrics: Metrics, task: Task, where: str) -> str:
    """lm-eval's key (``metric,filter``) of the metric that counts, finite or not."""
    keys = metric_keys(metrics)
    wanted = task.main_metric
    if wanted is None:
        return keys[0]
    for key in keys:
        if wanted in (key, shown(key), key.partition(",")[0]):
            return key
    hint = did_you_mean(wanted, map(shown, keys))
    raise DataError(f"{where} has no metric {wanted!r}, which {task.name} shows", hint)


def _metrics(entries: Mapping[str, Metrics], own: str) -> dict[str, float]:
    """The task's own finite metrics as they are, those of its parts as ``part/metric``."""
    return {
        ("" if entry == own else f"{entry}/") + shown(key): number
        for entry, metrics in entries.items()
        for key in metric_keys(metrics)
        if (number := finite(metrics[key])) is not None
    }
