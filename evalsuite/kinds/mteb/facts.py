"""What mteb's tasks are, without the seconds that importing mteb takes.

``tasks.json`` beside this file was made from mteb by ``bench/make_mteb_table.py``. Another version
of mteb than the one it was made from is asked once, and its answer is kept in the user's cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.shared.name_cache import remembered
from evalsuite.metrics import metric_named

TABLE = Path(__file__).with_name("tasks.json")
SHOWN = 20
"""Subsets that are shown of a task."""
LAYOUT = 1
"""Raised when the facts of a task are written in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """One task of mteb."""

    name: str
    type: str
    """mteb's name of the type, for example ``BitextMining``."""
    text: bool
    """Whether it is about texts alone."""
    dataset: str
    revision: str
    splits: tuple[str, ...]
    """The splits over which mteb's score is a mean."""
    subsets: tuple[str, ...]
    """The subsets of each split over which it is a mean; ``("default",)`` where there is one."""
    metric: str
    """The main metric."""
    higher_is_better: bool | None
    """Direction of the main metric; ``None`` where it is not known."""
    sizes: Mapping[str, int]
    """Split → number of samples, as far as mteb states it."""
    members: tuple[str, ...]
    """Of a task that is the mean of other tasks: these."""

    def shown(self) -> dict[str, Any]:
        """The facts for people, by what they are called in task files and records."""
        first = list(self.subsets[:SHOWN])
        more = [f"… {len(self.subsets)} in all"] if len(self.subsets) > SHOWN else []
        words = {True: "higher is better", False: "lower is better", None: "unknown"}
        found: dict[str, Any] = {"type": self.type}
        if self.members:
            found["mean_of"] = list(self.members)
        else:
            found["dataset"] = f"{self.dataset} at {self.revision}"
        found |= {
            "splits": list(self.splits),
            "subsets": first + more,
            "main_metric": self.metric,
            "direction": words[self.higher_is_better],
            "unit": "0 to 100" if (unit := metric_named(self.metric).unit) == "percent" else unit,
        }
        if self.sizes:
            found["samples"] = dict(self.sizes)
        return found


def facts_of(name: str) -> TaskFacts:
    """What the installed mteb says of a task.

    Raises:
        UsageError: If it has none of that name; names the nearest ones.
    """
    table = installed()
    if name not in table:
        version = metadata.version("mteb")
        raise UsageError(f"mteb {version} has no task {name!r}", did_you_mean(name, table))
    return _read(name, table[name])


def datasets_of(name: str) -> dict[str, str]:
    """Data set → commit that an mteb task reads.

    Raises:
        UsageError: If mteb has no such task.
    """
    facts = facts_of(name)
    parts = [facts_of(member) for member in facts.members] or [facts]
    return {part.dataset: part.revision for part in parts}


@cache
def installed() -> Mapping[str, Mapping[str, Any]]:
    """Task → its facts as in ``tasks.json``, of the version of mteb that is installed."""
    version = metadata.version("mteb")
    shipped = json.loads(TABLE.read_bytes())
    if (shipped["mteb"], shipped["layout"]) == (version, LAYOUT):
        tasks: Mapping[str, Mapping[str, Any]] = shipped["tasks"]
        return tasks
    return remembered(f"mteb-{version}-facts-{LAYOUT}.json", learn)


def learn() -> dict[str, dict[str, Any]]:
    """The facts of all tasks of the installed mteb, JSON-ready; imports mteb."""
    from mteb.get_tasks import TASK_LIST

    tasks = sorted(TASK_LIST, key=lambda kind: str(kind.metadata.name))
    return {kind.metadata.name: _facts(kind.metadata) for kind in tasks}


_HIGHER: Final = {"higher": True, "lower": False, None: None}


def _facts(task: Any) -> dict[str, Any]:
    """Facts of a task from mteb's ``TaskMetadata``; what is usual is left out."""
    subsets = list(task.hf_subsets)
    found = {
        "type": task.type,
        "text": list(task.modalities) == ["text"],
        "dataset": task.dataset["path"],
        "revision": task.dataset.get("revision") or "main",
        "splits": list(task.eval_splits),
        "subsets": {"pairs_of": languages} if (languages := _all_pairs(subsets)) else subsets,
        "metric": task.main_score,
        "higher_is_better": _HIGHER[metric_named(task.main_score).direction],
        "sizes": {name: n for name, n in (task.n_samples or {}).items() if n},
        "members": sorted(part.metadata.name for part in getattr(task, "tasks", [])),
    }
    usual = {"text": True, "subsets": ["default"], "higher_is_better": True}
    empty: tuple[object, ...] = ({}, [])
    return {
        key: value
        for key, value in found.items()
        if value not in empty and not (key in usual and value == usual[key])
    }


def _all_pairs(subsets: list[str]) -> list[str]:
    """The languages of which the subsets are all pairs, in order; empty if they are not."""
    if len(subsets) < 100:
        return []
    languages = list(dict.fromkeys(name.partition("-")[0] for name in subsets))
    return languages if subsets == _pairs(languages) else []


def _pairs(languages: list[str]) -> list[str]:
    return [f"{one}-{other}" for one in languages for other in languages if one != other]


def _read(name: str, plain: Mapping[str, Any]) -> TaskFacts:
    subsets = plain.get("subsets", ["default"])
    return TaskFacts(
        name=name,
        type=plain["type"],
        text=plain.get("text", True),
        dataset=plain.get("dataset", ""),
        revision=plain.get("revision", "main"),
        splits=tuple(plain.get("splits", ())),
        subsets=tuple(_pairs(subsets["pairs_of"]) if isinstance(subsets, dict) else subsets),
        metric=plain["metric"],
        higher_is_better=plain.get("higher_is_better", True),
        sizes=plain.get("sizes", {}),
        members=tuple(plain.get("members", ())),
    )
