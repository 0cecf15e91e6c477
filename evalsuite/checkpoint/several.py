"""Several checkpoints by one text: a folder that holds them, or a pattern (``runs/step-*``)."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evalsuite.checkpoint.sources import looks_like_checkpoint, step_of
from evalsuite.errors import CheckpointError, did_you_mean
from evalsuite.text import natural

DEEPEST: Final = 3
"""Levels of folders that are looked through: ``runs/EXPERIMENT/SEED/checkpoint-1000``."""
_WEIGHTS: Final = ("*.safetensors", "pytorch_model*.bin")


def members(text: str) -> tuple[str, ...]:
    """The checkpoints that a folder holds or a pattern matches, complete or not.

    Args:
        text: What was typed after ``--ckpt``.

    Returns:
        Paths, ``step-200`` before ``step-1000``; empty where ``text`` names one checkpoint, or
        nothing that is known here.

    Raises:
        CheckpointError: If it is a pattern that matches no checkpoint.
    """
    path = Path(text).expanduser()
    if _is_folder_of_others(path):
        return _sorted(_below(path, DEEPEST))
    if not glob.has_magic(text) or _exists(path):
        return ()
    matched = [Path(one) for one in glob.glob(str(path))]  # noqa: PTH207 - of any root
    found = [one for match in matched for one in _of_match(match)]
    if not found:
        raise CheckpointError(f"no checkpoint matches {text!r}", _nearest(path))
    return _sorted(found)


def steps_in(source: str) -> list[Path]:
    """The checkpoints in the folder of a training that has saved its last model beside them.

    Args:
        source: One checkpoint, as it was named.
    """
    path = Path(source).expanduser()
    if not _exists(path) or not path.is_dir():
        return []
    steps = [one for one in path.iterdir() if step_of(one.name) is not None and one.is_dir()]
    return sorted(filter(looks_like_checkpoint, steps), key=lambda one: natural(one.name))


def may_be_adapter(source: str) -> bool:
    """Whether a checkpoint is an adapter, or not at hand yet so that it may be one."""
    path = Path(source).expanduser()
    if source.startswith("demo:"):
        return False
    return not _exists(path) or (path.is_dir() and (path / "adapter_config.json").is_file())


def _is_folder_of_others(path: Path) -> bool:
    try:
        return path.is_dir() and not _may_be_checkpoint(path)
    except OSError:  # no permission, or far too long to be a path
        return False


def _of_match(path: Path) -> Iterator[Path]:
    """What a match of a pattern stands for: itself, or the checkpoints in it."""
    if _may_be_checkpoint(path):
        yield path
    elif path.is_dir():
        yield from _below(path, DEEPEST)


def _below(folder: Path, levels: int) -> Iterator[Path]:
    try:
        children = [child for child in folder.iterdir() if not child.name.startswith(".")]
    except OSError:
        return
    for child in children:
        if looks_like_checkpoint(child):
            yield child
            continue
        inside = list(_below(child, levels - 1)) if levels > 1 and child.is_dir() else []
        yield from inside or ([child] if _may_be_checkpoint(child) else [])


def _may_be_checkpoint(path: Path) -> bool:
    """Whether it is a checkpoint, or looks like one that is still being written."""
    if looks_like_checkpoint(path):
        return True
    if not path.is_dir():
        return False
    return step_of(path.name) is not None or any(
        next(path.glob(pattern), None) is not None for pattern in _WEIGHTS
    )


def _nearest(pattern: Path) -> str:
    try:
        beside = [str(child) for child in pattern.parent.iterdir() if _may_be_checkpoint(child)]
    except OSError:
        return f"there is no folder {pattern.parent}"
    bare = str(pattern).translate(dict.fromkeys(map(ord, "*?[]")))
    if not beside:
        return f"no checkpoint lies in {pattern.parent}"
    return did_you_mean(bare, beside)


def _sorted(paths: Iterator[Path] | list[Path]) -> tuple[str, ...]:
    return tuple(sorted({str(path) for path in paths}, key=natural))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
