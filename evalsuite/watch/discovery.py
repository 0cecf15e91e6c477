"""The checkpoints in a training's output folder, and their steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evalsuite.checkpoint.sources import folder_name, looks_like_checkpoint

STEP: Final = re.compile(
    r"(?:^|[-_.])(?:checkpoint|global_?step|step|iter|epoch)[-_]?(\d+)(?:[-_]hf)?$", re.IGNORECASE
)
"""``checkpoint-500`` (transformers), ``global_step500`` (DeepSpeed), ``step-500`` (torchtitan),
``step_500`` and ``epoch_2`` (open-instruct), ``global_step500_hf`` (exports)."""
CONTAINERS: Final = ("checkpoint", "checkpoints", "ckpt", "ckpts")
"""Folders in which some trainers keep all checkpoints."""
EXPORTS: Final = ("hf", "huggingface", "hf_model", "actor/huggingface", "model")
"""Folders inside a checkpoint in which some trainers keep it in the layout of transformers."""
STATE: Final = "trainer_state.json"


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint that is there, complete or not."""

    path: Path
    """Its folder, which has the step in its name."""
    model: Path
    """The folder with ``config.json`` or ``adapter_config.json``, in it or the same."""
    step: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return folder_name(self.path)


def find(folder: Path) -> list[Found]:
    """The checkpoints in a folder, by step.

    Links are passed over: trainers set them to name the last or the best checkpoint.

    Returns:
        Those that are there, complete or not; none where the folder cannot be read.
    """
    found = [
        Found(child, _model_in(child), step)
        for child in _children(folder)
        if (step := step_of(child)) is not None
    ]
    return sorted(found, key=lambda one: (one.step, one.path.name))


def step_of(path: Path) -> int | None:
    """The training step that ``trainer_state.json`` says, else the folder's name."""
    try:
        stated = json.loads((path / STATE).read_bytes()).get("global_step")
    except (OSError, ValueError, AttributeError):  # not there, or not complete yet
        stated = None
    if isinstance(stated, int) and stated >= 0:
        return stated
    named = STEP.search(path.name)
    return int(named[1]) if named else None


def _children(folder: Path) -> Iterator[Path]:
    for child in _folders(folder):
        yield child
        if child.name in CONTAINERS:
            yield from _folders(child)


def _folders(folder: Path) -> list[Path]:
    try:
        inside = list(folder.iterdir())
    except OSError:
        return []
    # transformers used to write to tmp-checkpoint-500 first.
    return [
        child
        for child in inside
        if not child.name.startswith((".", "tmp")) and child.is_dir() and not child.is_symlink()
    ]


def _model_in(path: Path) -> Path:
    if looks_like_checkpoint(path):
        return path
    return next((path / name for name in EXPORTS if looks_like_checkpoint(path / name)), path)
