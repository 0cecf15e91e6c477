"""Result files of lm-eval: ``results_….json``, and ``samples_….jsonl`` beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from evalsuite.errors import DataError, UsageError, did_you_mean
from evalsuite.importers.files import JsonFile, finite, read_json, read_lines, validated
from evalsuite.importers.records import (
    NOT_STATED,
    ImportedModel,
    ImportedScore,
    ImportedScores,
    check_once,
    to_record,
)
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.schema import Direction, Origin
from evalsuite.text import plain

Metrics = Mapping[str, Any]
INVALID = "[invalid]"
"""What lm-eval's extraction filters give where they find nothing."""
PLAIN_FILTER = "none"
"""lm-eval's name for the filter that leaves a response as it is."""
_MODEL_KEYS = ("pretrained", "model", "path")
"""Arguments of lm-eval's models that name the checkpoint."""


class _Config(BaseModel):
    model_args: str | dict[str, Any] | None = None
    model_revision: str | None = None
    model_sha: str | None = None
    limit: float | None = Field(default=None, allow_inf_nan=False)
    fewshot_seed: int | None = None


class _Results(BaseModel):
    """What is read of lm-eval's result file."""

    results: dict[str, dict[str, Any]] = Field(min_length=1)
    group_subtasks: dict[str, list[str]] = {}
    n_shot: dict[str, int | None] = Field(default={}, alias="n-shot")
    n_samples: dict[str, dict[str, Any]] = Field(default={}, alias="n-samples")
    versions: dict[str, Any] = {}
    higher_is_better: dict[str, dict[str, bool | None]] = {}
    config: _Config = _Config()
    lm_eval_version: str | None = None
    model_name: str | None = None
    chat_template: str | dict[str, Any] | None = None
    chat_template_sha: str | None = None


def read_lm_eval(
    path: Path, registry: Registry, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read one result file of lm-eval.

    Each task that is not a part of a group with a score of its own becomes a record; the parts'
    metrics are kept with the group's. A task is taken for the registry's task of the same lm-eval
    name.

    Args:
        path: The file ``results_….json``.
        registry: Tasks by name.
        name: What to call the model instead.
        revision: The model's revision, where the file states none.

    Raises:
        DataError: If the file is not a result of lm-eval; then nothing is imported.
    """
    file = read_json(path)
    hint = "give the file results_….json"
    found = validated(_Results, file.content, file.name, "lm-eval", hint)
    source = ImportedModel(
        model=name or _model(found, path),
        revision=found.config.model_revision or found.config.model_sha or revision,
    )
    tasks = [_task(entry, registry, path) for entry in _tops(found)]
    scores = [
        _score(file, found, task, entry, path, source)
        for task, entry in zip(tasks, _tops(found), strict=True)
    ]
    if not scores:
        raise DataError(f"{path.name} holds no score of lm-eval")
    records = [(to_record(source, score), score.samples) for score in scores]
    check_once([record for record, _ in records])
    return ImportedScores(
        records=tuple(records),
        unknown=tuple(
            entry
            for task, entry in zip(tasks, _tops(found), strict=True)
            if task.name.startswith("lm_eval:")
        ),
    )


def _tops(found: _Results) -> list[str]:
    """Entries with a score that no scored group counts already."""
    scored = [entry for entry, metrics in found.results.items() if _keys(metrics)]
    members = {
        member
        for group, subtasks in found.group_subtasks.items()
        if group in scored
        for member in subtasks
        if member != group
    }
    return [entry for entry in scored if entry not in members]


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
    file: JsonFile, found: _Results, task: Task, entry: str, path: Path, source: ImportedModel
) -> ImportedScore:
    own = found.results[entry]
    key = _main_key(own, task, f"{file.name}: {entry}")
    metric, _, filter_name = key.partition(",")
    value = finite(own[key])
    assert value is not None
    members = [m for m in found.group_subtasks.get(entry, ()) if m in found.results] or [entry]
    metrics = _metrics({entry: own, **{m: found.results[m] for m in members}}, entry)
    samples = tuple(row for m in members for row in _samples(path, m, metric, filter_name))
    if samples and filter_name != PLAIN_FILTER and any(row["response"] for row in samples):
        metrics.setdefault("unparsed", sum(not row["parsed"] for row in samples) / len(samples))
    counts = [finite(found.n_samples.get(m, {}).get("effective")) for m in members]
    known = [count for count in counts if count is not None]
    return ImportedScore(
        task=task.model_dump(mode="json", exclude_defaults=True),
        world="generative",
        origin=Origin(
            format="lm-eval",
            file=file.name,
            sha256=file.sha256,
            harness=f"lm-eval {plain(found.lm_eval_version or NOT_STATED, 40)}",
            revision=source.revision,
        ),
        main_metric=_shown(key),
        value=value,
        estimator="other" if any(row["score"] is None for row in samples) else "mean",
        stderr=finite(own.get(f"{metric}_stderr,{filter_name}")),
        n=int(sum(known)) if len(known) == len(members) else None,
        direction=_direction(found, members, metric),
        metrics=metrics,
        limit=_limit(found.config.limit),
        shots=_shots(found.n_shot, members),
        chat_template=_chat_template(found),
        seed=found.config.fewshot_seed,
        details={"version": found.versions.get(entry)},
        raw={"results": {m: dict(found.results[m]) for m in dict.fromkeys((entry, *members))}},
        samples=samples,
    )


def _direction(found: _Results, members: Sequence[str], metric: str) -> Direction | None:
    """Which values of a metric are better, where all of its tasks state the same."""
    stated = {found.higher_is_better.get(member, {}).get(metric) for member in members}
    words: dict[bool | None, Direction] = {True: "higher", False: "lower"}
    return words.get(stated.pop()) if len(stated) == 1 else None


def _keys(metrics: Metrics) -> list[str]:
    return [
        key
        for key, value in metrics.items()
        if "," in key and "_stderr," not in key and finite(value) is not None
    ]


def _main_key(metrics: Metrics, task: Task, where: str) -> str:
    """lm-eval's key (``metric,filter``) of the metric that counts."""
    keys = _keys(metrics)
    wanted = task.main_metric
    if wanted is None:
        return keys[0]
    for key in keys:
        if wanted in (key, _shown(key), key.partition(",")[0]):
            return key
    hint = did_you_mean(wanted, map(_shown, keys))
    raise DataError(f"{where} has no metric {wanted!r}, which {task.name} shows", hint)


def _shown(key: str) -> str:
    return key.removesuffix(f",{PLAIN_FILTER}")


def _metrics(entries: Mapping[str, Metrics], own: str) -> dict[str, float]:
    """The task's own metrics as they are, those of its parts as ``part/metric``."""
    return {
        ("" if entry == own else f"{entry}/") + _shown(key): number
        for entry, metrics in entries.items()
        for key in _keys(metrics)
        if (number := finite(metrics[key])) is not None
    }


def _limit(limit: float | None) -> int | None:
    """lm-eval takes a limit below 1 for a share; how many items it was is in ``n``."""
    return None if limit is None else max(1, int(limit))


def _chat_template(found: _Results) -> str | None:
    """As in signatures: ``none``, 8 digits of its hash, or ``None`` if the file does not say."""
    if found.chat_template_sha:
        return plain(found.chat_template_sha[:8])
    says = "chat_template" in found.model_fields_set and not found.chat_template
    return "none" if says else None


def _shots(shots: Mapping[str, int | None], members: Iterable[str]) -> int | None:
    found = {shots.get(member) for member in members}
    return found.pop() if len(found) == 1 else None


def _model(found: _Results, path: Path) -> str:
    """The model as the file names it; a local path counts by its last folder."""
    given = found.config.model_args
    if isinstance(given, str):
        given = dict(part.split("=", 1) for part in given.split(",") if "=" in part)
    named = [str(given[key]) for key in _MODEL_KEYS if given and given.get(key)]
    model = (named or [found.model_name or path.parent.name])[0].rstrip("/")
    local = model.startswith((".", "/", "~")) or model.count("/") > 1
    return plain(model.rpartition("/")[2] if local else model, 200) or "unnamed"


def _samples(path: Path, task: str, metric: str, filter_name: str) -> list[dict[str, Any]]:
    """Samples of one task, if their file is there."""
    stamp = re.fullmatch(r"results_(.+)\.json", path.name)
    if stamp is None or Path(task).name != task:
        return []
    file = path.with_name(f"samples_{task}_{stamp[1]}.jsonl")
    if not file.exists():
        return []
    return [
        _sample(task, metric, example)
        for example in read_lines(file)
        if example.get("filter", filter_name) == filter_name
    ]


def _sample(task: str, metric: str, example: Mapping[str, Any]) -> dict[str, Any]:
    # The responses of multiple choice are log-likelihoods: nothing is extracted from them.
    first = _first(_first(example.get("resps")))
    generated = first if isinstance(first, str) else None
    extracted = _first(example.get("filtered_resps"))
    parsed = generated is None or extracted not in (INVALID, "", None)
    return {
        "sample": f"{task}/{example.get('doc_id')}",
        "score": finite(example.get(metric)),
        "prompt": _text(_prompt(example.get("arguments"))),
        "target": _text(example.get("target")),
        "response": generated or "",
        "extracted": _text(extracted) if parsed and generated is not None else "",
        "parsed": parsed,
    }


def _prompt(arguments: object) -> object:
    """The text of the first request; newer files have names in the place of lists."""
    while isinstance(arguments, list | tuple | dict) and arguments:
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    return arguments


def _first(value: object) -> Any:
    """The first item of a list of texts or lists; a text is its own."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str | list) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
