"""Training sets that are declared for a checkpoint: by whom, and which."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from evalsuite.project.file import find_project
from evalsuite.schema import CheckpointRef

PAPER: Final = ("MSMARCO", "NQ", "FEVER", "HotpotQA", "QuoraRetrieval", "SQuAD", "TriviaQA")
"""Sets of the GRIT paper's embedding data E5S that are evaluation data too."""
PAPER_MODELS: Final = frozenset({"gritlm-7b", "gritlm-8x7b"})
MOST_CARD_BYTES: Final = 1024 * 1024
_FRONT: Final = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one source declares."""

    source: str
    """Who declares it, in words."""
    sets: tuple[str, ...]
    """Names of data sets or tasks, as the source has them."""


def declarations(checkpoint: CheckpointRef) -> list[Declaration]:
    """All that is declared for a checkpoint or its base; empty where nothing is known.

    Args:
        checkpoint: As a record keeps it. Its model card is read where the folder is still there.

    Raises:
        UsageError: If there is a project file and it is not valid.
    """
    project = find_project()
    lists = project.project.training_sets if project else {}
    found = [*_listed(checkpoint.name, lists)]
    found += _card(checkpoint.source)
    names = [checkpoint.source, checkpoint.name, *([checkpoint.base] if checkpoint.base else [])]
    if {name.rpartition("/")[2].lower() for name in names} & PAPER_MODELS:
        found.append(Declaration("the GRIT paper", PAPER))
    found += [Declaration("mteb's list of models", sets) for sets in _registered(names)]
    return found


def _listed(name: str, lists: Mapping[str, Sequence[str]]) -> Iterator[Declaration]:
    for pattern, sets in lists.items():
        if fnmatchcase(name, pattern):
            yield Declaration("the project file", tuple(sets))


def _card(source: str) -> list[Declaration]:
    sets = _card_sets(Path(source).expanduser() / "README.md")
    return [Declaration("its model card", sets)] if sets else []


@cache
def _card_sets(path: Path) -> tuple[str, ...]:
    """``datasets:`` of a model card; none where there is no card that can be read."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_CARD_BYTES:
            return ()
        front = _FRONT.match(path.read_text(encoding="utf-8"))
        content: Any = yaml.safe_load(front[1]) if front else None
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return ()
    sets = content.get("datasets") if isinstance(content, dict) else None
    several = [sets] if isinstance(sets, str) else sets if isinstance(sets, list) else []
    return tuple(name for name in several if isinstance(name, str))


def _registered(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets that mteb's registry declares, by full name, else by the part after the slash."""
    sets, models, short = _registry()
    keys = [name.lower() for name in names]
    numbers = [models[key] for key in keys if key in models]
    if not numbers:
        last = (key.rstrip("/").rpartition("/")[2] for key in keys)
        numbers = [short[key] for key in last if key in short]
    return [tuple(sets[number]) for number in dict.fromkeys(numbers)]


@cache
def _registry() -> tuple[list[list[str]], dict[str, int], dict[str, int]]:
    text = (files("evalsuite.results.in_domain") / "mteb.json").read_text(encoding="utf-8")
    content = json.loads(text)
    models = {name.lower(): number for name, number in content["models"].items()}
    by_short: dict[str, set[int]] = {}
    for name, number in models.items():
        by_short.setdefault(name.rpartition("/")[2], set()).add(number)
    # A short name that stands for models with other training sets says nothing.
    short = {name: next(iter(found)) for name, found in by_short.items() if len(found) == 1}
    return content["sets"], models, short
