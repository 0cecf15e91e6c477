"""A store, and a registry with two tasks on one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalsuite.registry.load import Registry
from evalsuite.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """``mine`` (STS) and ``talk`` (generation), on one file."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    row = {"sentence1": "a", "sentence2": "b", "score": 1.5}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "mine.yaml").write_text(
        "name: mine\nkind: mteb\ntype: sts\ninstruction: own text\ndata: {test: rows.jsonl}\n"
    )
    (folder / "talk.yaml").write_text(
        "name: talk\nkind: lm_eval\ntype: generate\ndata: {test: rows.jsonl}\n"
        "prompt: '{{sentence1}}'\ntarget: '{{sentence2}}'\n"
    )
    return Registry.load([folder])
