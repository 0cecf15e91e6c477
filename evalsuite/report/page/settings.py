"""In which settings the scores of two compared checkpoints differ, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evalsuite.report.page.collect import PageData, PageRow
from evalsuite.results.signatures import PER_TASK, Parts, parts

WORDS: Final[Mapping[str, str]] = {
    "instr": "instruction set",
    "attn": "attention when embedding",
    "pool": "pooling",
    "pool-instr": "instruction in the mean",
    "norm": "vectors of length 1",
    "dims": "dimensions kept",
    "vec": "vectors rounded to",
    "sim": "similarity",
    "default-prompt": "default prompt",
    "routes": "modules by side",
    "pad": "padding",
    "eos": "EOS behind texts",
    "tok": "tokenizer",
    "quant": "quantised weights",
    "conv": "conversion of the weights",
    "chat": "chat template",
    "shots": "few-shot examples",
    "len": "maximal length in tokens",
    "dtype": "precision",
    "engine": "engine",
    "prefix-cache": "shared beginnings computed once",
    "batch-invariant": "independent of the batch",
    "judge": "judge",
    "retriever": "retriever",
    "dev": "device",
    "harness": "harness",
    "splits": "splits",
    "subsets": "subsets",
    "split": "split",
    "limit": "limit of test items",
    "set": "settings of the imported file",
    "seed": "seed",
    "template": "text around the instruction",
    "bare": "text without an instruction",
    "sampling": "sampling",
    "code": "version of evalsuite's scoring",
}
"""Key of a signature's short form → what it is."""
NOT_SAID: Final = "not stated"
SAMPLES_OF_TASKS: Final = 5
"""Tasks that are named of each difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingDifference:
    """A setting that differs in the same way on some tasks."""

    what: str
    first: str
    second: str
    tasks: Sequence[str]

    @property
    def where(self) -> str:
        """The tasks, the first few by name."""
        more = len(self.tasks) - SAMPLES_OF_TASKS
        names = ", ".join(self.tasks[:SAMPLES_OF_TASKS])
        return f"{names} and {more} more" if more > 0 else names


def setting_differences(data: PageData) -> dict[tuple[str, str], list[SettingDifference]]:
    """Names of the two sides of each comparison → what differs; nothing where all is the same.

    Data and instruction belong to a task and are left out, as under tables.
    """
    rows = {row.label: row for row in data.rows}
    found = {
        (one.first, one.second): _between(rows[one.first], rows[one.second])
        for one in data.comparisons
    }
    return {pair: differences for pair, differences in found.items() if differences}


def _between(first: PageRow, second: PageRow) -> list[SettingDifference]:
    tasks: dict[tuple[str, str, str], list[str]] = {}
    for task in first.tasks:
        one, two = first.record(task), second.record(task)
        if one is None or two is None or one.score is None or two.score is None:
            continue
        for key, values in _apart(parts(one.signature), parts(two.signature)).items():
            tasks.setdefault((WORDS.get(key, key), *values), []).append(task)
    return [
        SettingDifference(what=what, first=mine, second=theirs, tasks=found)
        for (what, mine, theirs), found in tasks.items()
    ]


def _apart(one: Parts, two: Parts) -> dict[str, tuple[str, str]]:
    """Key → both values, where they differ."""
    keys = [key for key in dict.fromkeys([*one, *two]) if key not in PER_TASK]
    return {
        key: (one.get(key, NOT_SAID), two.get(key, NOT_SAID))
        for key in keys
        if one.get(key) != two.get(key)
    }
