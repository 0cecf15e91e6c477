"""What lm-eval says of a task, from its files alone: its code is not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalsuite.kinds.lm_eval.configs import FunctionName, full_config
from evalsuite.kinds.lm_eval.names import find
from evalsuite.kinds.lm_eval.needs import defined_in_place, members
from evalsuite.kinds.lm_eval.sizes import rows_of
from evalsuite.kinds.shared.sample_rows import PLAIN_FILTER
from evalsuite.metrics import metric_named
from evalsuite.schema import Direction

SHOWN: Final = 20
"""Tasks that are shown of a group or tag."""

_METRICS: Final = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
}
"""Output type → lm-eval's metrics where a task names none."""


def facts_of(name: str, folder: Path | None = None, root: Path | None = None) -> dict[str, Any]:
    """Data set, splits, subset, metrics with direction and unit, and size of a task.

    Of a group, its tasks.

    Args:
        name: lm-eval's name for a task, group or tag.
        folder: A person's own folder of files in lm-eval's format.
        root: Folder of local data sets; ``None``: those that were downloaded before.

    Raises:
        UsageError: If there is nothing by that name; names the nearest ones.
    """
    entry = find(name, folder)
    if entry.kind in ("TAG", "GROUP"):
        inside = [member.name for member in members(name, folder)[1:]]
        inside += defined_in_place(full_config(entry.path), folder) if entry.path else ()
        more = [f"… {len(inside)} in all"] if len(inside) > SHOWN else []
        return {"type": entry.kind.lower(), "tasks": inside[:SHOWN] + more}
    assert entry.path is not None
    config = full_config(entry.path)
    return _of_config(config) | _size(config, entry.path.parent, folder, root)


def _size(
    config: dict[str, Any], at: Path, folder: Path | None, root: Path | None
) -> dict[str, Any]:
    scored = _scored(config)
    n = rows_of(config, scored, at=at, folder=folder, root=root) if scored else None
    if n is None:
        return {"samples": "not known: the data is not at hand, or made by the task's own code"}
    if "process_docs" in config:
        return {"rows": {scored: n}, "samples": "what the task's own code makes of these rows"}
    return {"samples": {scored: n}}


def _scored(config: dict[str, Any]) -> str | None:
    """The split that lm-eval scores."""
    return config.get("test_split") or config.get("validation_split")


def _of_config(config: dict[str, Any]) -> dict[str, Any]:
    output = config.get("output_type", "generate_until")
    found: dict[str, Any] = {"type": output}
    kwargs = config.get("dataset_kwargs") or {}
    if files := kwargs.get("data_files"):
        found["dataset"] = files
    elif dataset := config.get("dataset_path"):
        found["dataset"] = f"{dataset} at {kwargs.get('revision', 'main')}"
    elif "custom_dataset" in config or "class" in config:
        found["dataset"] = "made by the task's own code"
    found["splits"] = [scored] if (scored := _scored(config)) else []
    found["subsets"] = [config.get("dataset_name") or "default"]
    if shots := config.get("fewshot_split"):
        found["examples"] = f"{config.get('num_fewshot', 0)} of {shots}"
    found["metrics"] = [_metric(one) for one in _metrics(config, output)]
    return found


def _metrics(config: dict[str, Any], output: str) -> list[dict[str, Any]]:
    listed = config.get("metric_list")
    if isinstance(listed, list):
        return [one for one in listed if isinstance(one, dict) and "metric" in one]
    return [{"metric": name} for name in _METRICS.get(output, ())]


def metric_names(config: dict[str, Any]) -> list[str]:
    """Names of a task's metrics; empty where the task's own code names them."""
    listed = _metrics(config, config.get("output_type", "generate_until"))
    names = [one["metric"] for one in listed]
    own_code = any(isinstance(name, FunctionName) for name in names)
    return [] if own_code else [str(name) for name in names]


def filter_names(config: dict[str, Any]) -> list[str]:
    """Names of the ways in which a task finds answers in responses."""
    listed = config.get("filter_list")
    named = listed if isinstance(listed, list) else ()
    return [str(one.get("name")) for one in named if isinstance(one, dict)] or [PLAIN_FILTER]


def main_metric(config: dict[str, Any]) -> dict[str, Any] | None:
    """What a task's file says of its first metric; ``None`` if the task's own code makes them."""
    return next(iter(_metrics(config, config.get("output_type", "generate_until"))), None)


def _metric(stated: dict[str, Any]) -> str:
    name = stated["metric"]
    if isinstance(name, FunctionName):
        name = name.rpartition(".")[2]
    directions: dict[Any, Direction] = {True: "higher", False: "lower"}
    metric = metric_named(str(name), directions.get(stated.get("higher_is_better")))
    better = f"{metric.direction} is better" if metric.direction else "direction unknown"
    units = {"fraction": "fraction", "percent": "0 to 100", "other": "unit of its own"}
    return f"{name}: {better}, {units[metric.unit]}"
