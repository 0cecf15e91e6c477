"""Test items with an identity: what all of these tasks add to the rows they evaluate."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evalsuite.kinds.lm_eval.names import tasks_root

Row = Mapping[str, Any]

SEED = 42
"""The seed of all samples that the authors drew."""

ID = "evalsuite_id"
"""Column with an item's name, the same in each variant of a task: ``gsm8k/17`` is row 17."""
GROUP = "evalsuite_group"
"""Column with what an item belongs to (subject, language, BBH task); empty where nothing is."""


def generator() -> random.Random:
    """The random numbers with which the authors drew a sample, from their beginning."""
    return random.Random(SEED)  # noqa: S311 - a published sample, not a secret


def table(rows: Iterable[Mapping[str, Any]]) -> Any:
    """A ``datasets.Dataset`` that lives in memory."""
    from datasets import Dataset

    return Dataset.from_list([dict(row) for row in rows])


def named(row: Row, family: str, number: int | str, group: str = "") -> dict[str, Any]:
    """Give an item its id and its group."""
    parts = [family, group, str(number)] if group else [family, str(number)]
    return {**row, ID: "/".join(parts), GROUP: group}


def shots_of(file: str) -> tuple[str, list[dict[str, str]]]:
    """Description and few-shot examples from a task file that lm-eval itself ships.

    Args:
        file: Path below lm-eval's ``tasks`` folder.
    """
    plain = yaml.safe_load((Path(tasks_root()) / file).read_text(encoding="utf-8"))
    samples: Sequence[dict[str, str]] = plain["fewshot_config"]["samples"]
    return str(plain.get("description", "")), list(samples)
