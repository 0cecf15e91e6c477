"""What a result file of lm-eval holds, in the form of version 0.4; files of 0.3 are put into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, field_validator

from evalsuite.importers.files import finite
from evalsuite.kinds.shared.sample_rows import PLAIN_FILTER
from evalsuite.schema import Direction

Metrics = Mapping[str, Any]
_STDERR = "_stderr"
_NULLED = (
    "group_subtasks", "n-shot", "n-samples", "versions", "higher_is_better", "config", "configs",
    "task_hashes",
)  # fmt: skip
"""Keys in which ``null`` says as much as absence."""
_NOT_METRICS = ("alias", "name", "sample_len", "sample_count", "samples", "version")


class LmEvalFile(BaseModel):
    """What is read of lm-eval's result file."""

    results: dict[str, dict[str, Any]] = Field(min_length=1)
    group_subtasks: dict[str, list[str]] = {}
    n_shot: dict[str, int] = Field(default={}, alias="n-shot")
    n_samples: dict[str, dict[str, Any]] = Field(default={}, alias="n-samples")
    versions: dict[str, Any] = {}
    higher_is_better: dict[str, dict[str, bool]] = {}
    config: dict[str, Any] = {}
    configs: dict[str, dict[str, Any]] = {}
    task_hashes: dict[str, Any] = {}
    lm_eval_version: str | None = None
    model_name: str | None = None
    system_instruction: str | None = None
    system_instruction_sha: str | None = None
    fewshot_as_multiturn: bool | None = None
    chat_template: str | dict[str, Any] | None = None
    chat_template_sha: str | None = None

    @field_validator("config")
    @classmethod
    def _is_understood(cls, config: dict[str, Any]) -> dict[str, Any]:
        if "limit" in config and (finite(config["limit"]) or 0) <= 0:
            raise ValueError("limit should be a number above 0")
        if not isinstance(config.get("model_args", {}), str | dict):
            raise ValueError("model_args should be a text or an object")
        return config

    @property
    def limit(self) -> float | None:
        """The run's limit; below 1, the share of the items; ``None`` for none."""
        return finite(self.config.get("limit"))

    @property
    def tops(self) -> list[str]:
        """Entries with a score that no scored group counts already."""
        scored = [entry for entry, metrics in self.results.items() if metric_keys(metrics)]
        inside = {member for entry in scored for member in self.descendants(entry)}
        return [entry for entry in scored if entry not in inside]

    def descendants(self, entry: str) -> list[str]:
        """Members of a group, of its groups, and so on: each once, without the group itself."""
        found: dict[str, None] = {}
        waiting = list(self.group_subtasks.get(entry, ()))
        while waiting:
            member = waiting.pop(0)
            if member not in found and member != entry:
                found[member] = None
                waiting = [*self.group_subtasks.get(member, ()), *waiting]
        return list(found)

    def leaves(self, entry: str) -> list[str]:
        """The tasks without parts that a score is over."""
        below = [one for one in self.descendants(entry) if not self.group_subtasks.get(one)]
        return below or [entry]

    def size(self, entry: str) -> int | None:
        """Number of items that a score is over; ``None`` where the file does not say it."""
        counts = [self._size(leaf) for leaf in self.leaves(entry)]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else self._size(entry)

    def _size(self, entry: str) -> int | None:
        stated = finite(self.n_samples.get(entry, {}).get("effective"))
        length = self.results.get(entry, {}).get("sample_len")
        found = stated if stated is not None else finite(length)
        return None if found is None else int(found)

    def shots(self, entry: str) -> int | None:
        """Number of examples, where all parts have the same."""
        everywhere = finite(self.config.get("num_fewshot"))
        otherwise = None if everywhere is None else int(everywhere)
        otherwise = self.n_shot.get(entry, otherwise)
        found = {self.n_shot.get(leaf, otherwise) for leaf in self.leaves(entry)}
        return found.pop() if len(found) == 1 else None

    def direction(self, entry: str, metric: str) -> Direction | None:
        """Which values of a metric are better, where all of its tasks state the same."""
        stated = {self.higher_is_better.get(leaf, {}).get(metric) for leaf in self.leaves(entry)}
        words: dict[bool | None, Direction] = {True: "higher", False: "lower"}
        return words.get(stated.pop()) if len(stated) == 1 else None


def in_newer_form(content: Mapping[str, Any]) -> dict[str, Any]:
    """A file's content without nulls that say nothing, and with metrics as version 0.4 has them.

    In files of 0.3 a metric is called ``acc``, not ``acc,none``.
    """
    found = dict(content)
    for key in _NULLED:
        if key in found and (kept := _without_nulls(found.pop(key))) is not None:
            found[key] = kept
    results = found.get("results")
    if isinstance(results, dict):
        entries = {name: entry for name, entry in results.items() if entry is not None}
        found["results"] = entries if _is_newer(found, entries.values()) else _renamed(entries)
    return found


def metric_keys(metrics: Metrics) -> list[str]:
    """The keys (``metric,filter``) of the scores, in lm-eval's order; also of those not finite."""
    return [
        key
        for key, value in metrics.items()
        if "," in key and f"{_STDERR}," not in key
        if value is None or finite(value) is not None
    ]


def shown(key: str) -> str:
    """``acc,none`` is shown as ``acc``."""
    return key.removesuffix(f",{PLAIN_FILTER}")


def _is_newer(content: Mapping[str, Any], entries: Iterable[Any]) -> bool:
    stated = "configs" in content or "group_subtasks" in content
    return stated or any(
        "," in key for entry in entries if isinstance(entry, dict) for key in entry
    )


def _renamed(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            key if key in _NOT_METRICS else f"{key},{PLAIN_FILTER}": value
            for key, value in entry.items()
        }
        if isinstance(entry, dict)
        else entry
        for name, entry in entries.items()
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
