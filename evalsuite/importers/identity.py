"""Which model a result file is about: what distinguishes the rows of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from evalsuite.checkpoint.sources import folder_name
from evalsuite.schema import CheckpointRef, digest
from evalsuite.text import plain

UNKNOWN = "imported"
"""Value of signature fields that a result file does not state; never that of a measured one."""
LONGEST_TRAITS = 80
"""Characters of a name that say what else is known of the model."""
LONGEST_SOURCE = 400
"""Likewise of its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """The model that a result file is about."""

    model: str
    """As the file or its folder states it (``org/name``, a path), or as the user renamed it."""
    revision: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    """What else the file states about it, JSON-ready: an adapter, the bits of its weights …"""
    place: str | None = None
    """Folder of the files, where they do not name the model."""
    earlier: frozenset[str] = frozenset()
    """Fingerprints under which earlier versions of evalsuite stored the same file."""

    @property
    def checkpoint(self) -> CheckpointRef:
        """Imports of one model share a row; no measured checkpoint is in it."""
        stated: list[Any] = [UNKNOWN, self.model, self.revision]
        apart = {"traits": dict(self.traits), "place": self.place}
        known = {key: value for key, value in apart.items() if value}
        return CheckpointRef(
            name=self.name,
            fingerprint=digest([*stated, known] if known else stated),
            source=self.source,
            kind=UNKNOWN,
        )

    @property
    def source(self) -> str:
        """The model as the file states it, with its traits in brackets."""
        traits = ", ".join(f"{key}={_value(value)}" for key, value in self.traits.items())
        whole = self.place or self.model
        return f"{whole} ({plain(traits, LONGEST_SOURCE)})" if traits else whole

    @property
    def name(self) -> str:
        """Short name for tables: the last part of the model's, and its traits in brackets."""
        short = folder_name(PurePath(self.model)) if is_path(self.model) else ""
        short = short or self.model.rstrip("/").rpartition("/")[2] or self.model
        traits = ", ".join(_trait(key, value) for key, value in self.traits.items())
        return f"{short} ({plain(traits, LONGEST_TRAITS)})" if traits else short


def earlier_fingerprint(model: str, revision: str | None) -> str:
    """Fingerprint of an imported model as it was before traits and whole paths counted."""
    return digest([UNKNOWN, model, revision])


def is_path(model: str) -> bool:
    """Whether a model's name is a path on somebody's machine, not a name on the hub."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1


def _trait(key: str, value: object) -> str:
    """One trait in a name: ``load_in_4bit``, ``enable_thinking=False``, ``peft=lora-a``."""
    if value is True:
        return key
    if isinstance(value, str):
        short = folder_name(PurePath(value)) if is_path(value) else value
        return f"{key}={short or value}"
    return f"{key}={_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
