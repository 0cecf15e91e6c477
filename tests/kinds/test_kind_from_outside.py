"""A kind of task from a package of somebody else: the one that CONTRIBUTING.md shows, literally."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from evalsuite.store import Store
from helpers.tiny_lm import make_tiny_lm

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"^`([\w./]+)` .*?\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
ROWS = [{"text": "one two", "word": "three"}, {"text": "a b", "word": "c"}]


pytestmark = pytest.mark.e2e


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with the package of the page, as an installer would leave it, and a task file."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add a kind of task")[2]
    files = dict(SHOWN.findall(page))
    assert sorted(files) == ["likely_word/kind.py", "likely_word/task.py", "pyproject.toml"]
    for name, text in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (tmp_path / "site/likely_word/__init__.py").write_text("")
    stated = tomllib.loads(files["pyproject.toml"])["project"]
    info = tmp_path / "site" / "likely_word-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {stated['name']}\nVersion: {stated['version']}\n")
    [(group, entries)] = stated["entry-points"].items()
    lines = [f"{name} = {target}\n" for name, target in entries.items()]
    (info / "entry_points.txt").write_text(f"[{group}]\n{''.join(lines)}")
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tasks / "mine.yaml").write_text("name: mine\nkind: likely_word\ndata: {test: rows.jsonl}\n")
    return tmp_path


def evalsuite(outside: Path, *arguments: str) -> str:
    """What the command line prints, with the package installed."""
    search = os.pathsep.join([str(outside / "site"), *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-m", "evalsuite.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=outside,
        env=os.environ | {"PYTHONPATH": search, "COLUMNS": "200"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_kind_of_somebody_else_is_evaluated_from_end_to_end(outside: Path) -> None:
    checkpoint = make_tiny_lm(outside / "model")
    common = ("--tasks-dir", "tasks", "--tasks", "mine", "--ckpt", str(checkpoint.path))
    run = ("run", *common, "--engine", "transformers", "--dtype", "float32", "--device", "cpu")

    shown = evalsuite(outside, *run, "--dry-run")
    assert "mine [to run]" in shown
    assert "chat: 'one two'" in shown

    assert "1 of 1 scored" in evalsuite(outside, *run)
    [record] = Store(outside / "results").records()
    assert (record.main_metric, record.n) == ("probability", 2)
    assert record.score == pytest.approx(_mean_probability(checkpoint.path), abs=1e-5)
    assert record.stderr is not None

    assert "1 already stored" in evalsuite(outside, *run)
    assert "mine" in evalsuite(outside, "tasks", "list", "--tasks-dir", "tasks")
    assert "mine" in evalsuite(outside, "table", "--tasks-dir", "tasks")


def _mean_probability(path: Path) -> float:
    """Of the rows' words, by a plain forward pass."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    found = []
    for row in ROWS:
        context = tokenizer(row["text"]).input_ids
        word = tokenizer(" " + row["word"], add_special_tokens=False).input_ids
        with torch.no_grad():
            logits = model(torch.tensor([context + word])).logits[0].log_softmax(-1)
        places = range(len(context) - 1, len(context) + len(word) - 1)
        logprobs = [logits[p, t].item() for p, t in zip(places, word, strict=True)]
        found.append(math.exp(math.fsum(logprobs)))
    return math.fsum(found) / len(found)
