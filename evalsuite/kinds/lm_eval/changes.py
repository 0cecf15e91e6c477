"""What a task file, or the settings in a name, change of a task of lm-eval: read and checked."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.lm_eval.configs import full_config
from evalsuite.kinds.lm_eval.facts import filter_names, metric_names
from evalsuite.kinds.lm_eval.names import IndexEntry, find
from evalsuite.kinds.lm_eval.needs import members
from evalsuite.kinds.lm_eval.task import Decoding, LmEvalTask
from evalsuite.kinds.task_name import Settings, one_value

DECODING: Final = tuple(Decoding.model_fields)


def keys_of(settings: Settings) -> dict[str, Any]:
    """Keys of a task file that say the same as the settings in a name.

    Raises:
        UsageError: If a setting is given several values that takes one, or ``filter`` without
            ``metric``.
    """
    metric, chosen = one_value(settings, "metric"), one_value(settings, "filter")
    if chosen and not metric:
        raise UsageError(
            "'filter' says how the answers of a metric are found",
            f"name the metric too: metric=exact_match&filter={chosen}",
        )
    decoding = {key: one_value(settings, key) for key in DECODING if key != "stop"}
    keys: dict[str, Any] = {
        "shots": one_value(settings, "shots"),
        "fewshot_seed": one_value(settings, "fewshot_seed"),
        "split": one_value(settings, "split"),
        "parts": settings.get("parts"),
        "main_metric": f"{metric},{chosen}" if chosen else metric,
        "decoding": _given(decoding | {"stop": settings.get("stop")}),
    }
    return _given(keys)


def _given(keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value}


def check_changes(task: LmEvalTask) -> None:
    """Check what a task changes, as far as lm-eval's files say whether that can be.

    Raises:
        UsageError: For parts of what has no parts, a part, metric or setting that does not exist,
            or examples of a task that is defined without.
    """
    for name in filter(None, (task.source, task.base_source)):
        entry = find(name, task.folder)
        if task.parts:
            chosen_parts(name, task.parts, task.folder)
        if entry.kind == "TASK" and entry.path is not None:
            _check_task(task, name, full_config(entry.path))


def _check_task(task: LmEvalTask, name: str, config: dict[str, Any]) -> None:
    if task.shots and config.get("num_fewshot") == 0:
        raise UsageError(f"lm_eval:{name} is defined without few-shot examples", "drop 'shots'")
    output = config.get("output_type", "generate_until")
    if task.decoding and output != "generate_until":
        setting = next(iter(task.decoding.model_dump(exclude_none=True)))
        raise UsageError(
            f"lm_eval:{name} scores given answers ({output}), so {setting!r} changes nothing",
            "leave it out",
        )
    metric, _, chosen = (task.main_metric or "").partition(",")
    for word, wanted, known in (
        ("metric", metric, metric_names(config)),
        ("filter", chosen, filter_names(config)),
    ):
        if wanted and known and wanted not in known:
            hint = did_you_mean(wanted, known)
            raise UsageError(f"lm_eval:{name} has no {word} {wanted!r}", hint)


def chosen_parts(name: str, patterns: Sequence[str], folder: Path | None = None) -> frozenset[str]:
    """Names of all tasks and groups inside a group or tag that some patterns choose.

    Args:
        name: lm-eval's name of a group or tag.
        patterns: Names of tasks or groups inside it, or patterns such as ``*_biology``.
        folder: A person's own folder of files in lm-eval's format.

    Raises:
        UsageError: If there are no parts, or a pattern matches none; names the nearest ones.
    """
    entry = find(name, folder)
    if entry.kind not in ("GROUP", "TAG"):
        raise UsageError(f"lm_eval:{name} is one task: it has no parts", "leave 'parts' out")
    inside = _inside(entry, folder)
    found: set[str] = set()
    for pattern in patterns:
        matching = [one for one in inside if fnmatch.fnmatchcase(one, pattern)]
        if not matching:
            raise UsageError(
                f"lm_eval:{name} has no part {pattern!r}", did_you_mean(pattern, inside)
            )
        found.update(*(inside[one] for one in matching))
    return frozenset(found)


def _inside(entry: IndexEntry, folder: Path | None) -> dict[str, set[str]]:
    """Tasks and groups in a group or tag → that name and those of all that is in it."""
    found = {
        member.name: {one.name for one in members(member.name, folder)}
        for member in members(entry.name, folder)[1:]
    }
    if entry.path is not None:
        found |= _defined(full_config(entry.path), found)
    return found


def _defined(config: dict[str, Any], known: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Likewise the tasks and groups that a group's file defines itself."""
    found: dict[str, set[str]] = {}
    listed = config.get("task")
    for member in listed if isinstance(listed, list) else ():
        if not isinstance(member, dict):
            continue
        inner = _defined(member, known)
        found |= inner
        if isinstance(name := member.get("group"), str) and isinstance(member.get("task"), list):
            names = [one if isinstance(one, str) else one.get("task") for one in member["task"]]
            of_names = [known.get(str(one), {str(one)}) for one in names]
            found[name] = {name}.union(*of_names, *inner.values())
        elif isinstance(name := member.get("task"), str) and name not in known:
            found[name] = {name}
    return found
