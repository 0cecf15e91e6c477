"""Tasks on own data, evaluated with a bag of words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from helpers.bag_of_words import BagOfWords, checkpoint
from helpers.contexts import make_context

WORDS = (
    *("river", "stone", "cloud", "market", "engine", "violin"),
    *("harbour", "pepper", "winter", "lantern", "copper", "meadow"),
)


def sentence(rng: np.random.Generator, n: int = 5) -> str:
    return " ".join(rng.choice(WORDS, n))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(task: Task, tmp_path: Path, **context: Any) -> Evaluation:
    workdir = tmp_path / "work"
    workdir.mkdir(exist_ok=True)
    made = make_context(checkpoint=checkpoint(), workdir=workdir, **context)
    return MtebHarness().evaluate(task, BagOfWords(), made)


def own(kind: str, files: dict[str, Path], **more: Any) -> Task:
    return make_task(name=f"own-{kind}", kind="mteb", type=kind, data=files, **more)
