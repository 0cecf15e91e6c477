"""Runs of HELM: ``run_spec.json`` and ``per_instance_stats.json`` of one folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError
from evalsuite.importers.files import (
    MOST_SAMPLE_BYTES,
    finite,
    list_of,
    object_of,
    read_json,
    read_list,
)
from evalsuite.importers.foreign import Found, estimator_of, mean_of, read_each, row, task_named
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import (
    NOT_STATED,
    ImportedScore,
    ImportedScores,
    Stated,
)
from evalsuite.schema import Origin
from evalsuite.text import plain

SPEC: Final = "run_spec.json"
STATS: Final = "per_instance_stats.json"
REQUESTS: Final = "scenario_state.json"
SPLITS: Final = ("test", "valid")
MAIN: Final = (
    "exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match",
    "final_number_exact_match", "math_equiv_chain_of_thought", "math_equiv", "f1_score",
    "chain_of_thought_correctness", "ifeval_strict_accuracy", "wildbench_score_rescaled",
    "omni_math_accuracy", "rouge_2", "bleu_4", "RR@10", "NDCG@10", "code_eval_acc", "pass",
)  # fmt: skip
"""Metrics that count, first the one that is taken; a run does not state its own."""
Stats = Mapping[str, float]


def read_helm(
    path: Path, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read one run of HELM, or all runs below a folder.

    The score is the mean over the instances of the test split without perturbation. Prompts and
    answers come from ``scenario_state.json``, where it is there.

    Args:
        path: A folder with ``run_spec.json`` and ``per_instance_stats.json``, or one above.
        name: What to call the model instead.
        revision: The model's revision; runs state none.

    Raises:
        DataError: If no run can be read.
    """
    if not path.is_dir():
        raise DataError(f"{path} is not a folder", f"give the folder with {STATS}")
    paths = sorted(file.parent for file in path.rglob(STATS))
    if not paths:
        raise DataError(f"no {STATS} is in {path}", "give the folder of a run of HELM")
    return read_each(paths, lambda folder: [_read(folder, name, revision)])


def _read(folder: Path, name: str | None, revision: str | None) -> Found:
    where = f"{folder.name}/{STATS}"
    spec = read_json(folder / SPEC).content
    adapter = object_of(spec, "adapter_spec")
    model, run = adapter.get("model"), spec.get("name")
    if not isinstance(model, str) or not isinstance(run, str):
        raise DataError(f"{folder.name}/{SPEC} has no name and adapter_spec.model")
    stats = read_list(folder / STATS)
    instances, split = _instances(stats.rows, where)
    metric = _metric(instances, where)
    texts = _texts(folder)
    samples = tuple(_row(key, found, metric, texts) for key, found in instances.items())
    value = mean_of(samples)
    names = sorted({one for found in instances.values() for one in found})
    means = {one: _mean(instances, one) for one in names}
    shots, limit = adapter.get("max_train_instances"), finite(adapter.get("max_eval_instances"))
    score = ImportedScore(
        task=task_named("helm", _task(run)),
        world="generative",
        origin=Origin(
            format="helm",
            file=stats.name,
            sha256=stats.sha256,
            harness=f"helm {NOT_STATED}",
            revision=revision,
        ),
        main_metric=metric,
        value=value,
        estimator=estimator_of(value, samples),
        metrics={one: mean for one, mean in means.items() if mean is not None},
        n=len(samples),
        stated=Stated(
            split=None if split == SPLITS[0] else split,
            shots=shots if isinstance(shots, int) and shots >= 0 else None,
            limit=limit if limit and limit >= 1 and limit <= len(samples) else None,
        ),
        details={"run": plain(run, 300), "split": split},
        raw={},
        samples=samples,
    )
    return ImportedModel(model=name or plain(model, 200), revision=revision), score


def _task(run: str) -> str:
    """A run's name without the model, which is stated beside it."""
    scenario, _, arguments = run.partition(":")
    kept = [part for part in arguments.split(",") if part and not part.startswith("model")]
    return f"{scenario} ({', '.join(kept)})" if kept else scenario


def _instances(
    rows: list[dict[str, Any]], where: str
) -> tuple[dict[tuple[str, int], dict[str, float]], str]:
    """(Instance, trial) → metric → value, of the split that counts and without perturbation."""
    by_split: dict[str, dict[tuple[str, int], dict[str, float]]] = {}
    for number, entry in enumerate(rows):
        stats, name = entry.get("stats"), entry.get("instance_id")
        if not isinstance(stats, list) or not isinstance(name, str):
            raise DataError(f"{where}: entry {number} has no instance_id and stats")
        if entry.get("perturbation"):
            continue
        trial = entry.get("train_trial_index")
        key = (name, trial if isinstance(trial, int) else 0)
        for stat in stats:
            label = stat.get("name") if isinstance(stat, dict) else None
            if not isinstance(label, dict) or label.get("perturbation"):
                continue
            value = _value(stat)
            if value is not None:
                found = by_split.setdefault(str(label.get("split")), {}).setdefault(key, {})
                found[plain(str(label.get("name")), 80)] = value
    split = next((one for one in SPLITS if by_split.get(one)), None)
    if split is None:
        raise DataError(f"{where} has no instance of the split {' or '.join(SPLITS)}")
    return by_split[split], split


def _value(stat: Mapping[str, Any]) -> float | None:
    mean = finite(stat.get("mean"))
    total, count = finite(stat.get("sum")), finite(stat.get("count"))
    if mean is not None or total is None or not count:
        return mean
    return total / count


def _metric(instances: Mapping[Any, Stats], where: str) -> str:
    for metric in MAIN:
        if any(metric in found for found in instances.values()):
            return metric
    known = sorted({one for found in instances.values() for one in found})[:8]
    raise DataError(f"{where} has none of HELM's main metrics, only {', '.join(known)}")


def _mean(instances: Mapping[Any, Stats], metric: str) -> float | None:
    values = [found[metric] for found in instances.values() if metric in found]
    return math.fsum(values) / len(values) if len(values) == len(instances) else None


def _row(
    key: tuple[str, int], found: Stats, metric: str, texts: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    name, trial = key
    kept = texts.get(name, {})
    return row(
        f"{name}/{trial}" if trial else name,
        found.get(metric),
        prompt=kept.get("prompt", ""),
        target=kept.get("target", ""),
        response=kept.get("response", ""),
    )


def _texts(folder: Path) -> dict[str, dict[str, str]]:
    """Instance → its prompt, right answer and the model's answer; empty where they are not kept."""
    path = folder / REQUESTS
    if not path.is_file():
        return {}
    content = read_json(path, most=MOST_SAMPLE_BYTES // 8).content
    found: dict[str, dict[str, str]] = {}
    for state in list_of(content, "request_states"):
        instance = object_of(state, "instance")
        if instance.get("perturbation"):
            continue
        right = [
            object_of(reference, "output").get("text", "")
            for reference in list_of(instance, "references")
            if "correct" in (reference.get("tags") or [])
        ]
        completions = list_of(object_of(state, "result"), "completions")
        texts = {
            "prompt": str(object_of(state, "request").get("prompt", "")),
            "target": "\n".join(map(str, right)),
            "response": str(completions[0].get("text", "")) if completions else "",
        }
        found.setdefault(str(instance.get("id")), texts)
    return found
