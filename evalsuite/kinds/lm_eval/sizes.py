"""How many rows an lm-eval task is scored on, where its data is at hand; its code is not run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evalsuite.data import converted_folder, dataset_folder
from evalsuite.errors import EvalsuiteError
from evalsuite.kinds.lm_eval.own_files import local_files

DROPPED_KWARGS: Final = ("revision", "trust_remote_code", "token")
"""Arguments of ``load_dataset`` that have a meaning for the hub only."""


def rows_of(
    config: Mapping[str, Any], split: str, *, at: Path, folder: Path | None, root: Path | None
) -> int | None:
    """The number of rows of a split of a task's data.

    Args:
        config: What the task's file says.
        split: Name of the split.
        at: Folder of the task's file.
        folder: A person's own folder of files in lm-eval's format.
        root: Folder of local data sets; ``None``: those that were downloaded before.

    Returns:
        The number; ``None`` where the data is not at hand or is made by the task's own code.
    """
    path, name = config.get("dataset_path"), config.get("dataset_name")
    if not isinstance(path, str) or "custom_dataset" in config or "class" in config:
        return None
    kwargs = dict(config.get("dataset_kwargs") or {})
    files = kwargs.get("data_files")
    if folder and files and at.resolve().is_relative_to(folder.resolve()):
        try:
            own = {"data_files": local_files(files, at, folder)}
        except EvalsuiteError:
            return None
        return _loaded(path, name, split, kwargs | own)
    if path.count("/") != 1:
        return None
    if root is None:
        return _downloaded(path, name or "default", split)
    there = dataset_folder(root, path, kwargs.get("revision"))
    return _loaded(str(there), name, split, mirrored(kwargs, there)) if there else None


def mirrored(kwargs: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Arguments of ``load_dataset`` for a data set in a local mirror.

    Args:
        kwargs: As the task's file has them.
        folder: Where the data set lies.
    """
    kept = {key: value for key, value in kwargs.items() if key not in DROPPED_KWARGS}
    return kept | {"cache_dir": str(converted_folder(folder))}


def _loaded(path: str, name: str | None, split: str, kwargs: dict[str, Any]) -> int | None:
    """Rows of a split as the ``datasets`` library reads it; a run finds the same copy again."""
    import datasets

    datasets.disable_progress_bars()
    try:
        return len(datasets.load_dataset(path, name, split=split, **kwargs))
    except Exception:  # noqa: BLE001 - readers of many formats; a run says what is wrong
        return None


def _downloaded(dataset: str, name: str, split: str) -> int | None:
    """Rows of a split by what the ``datasets`` library has noted of its last download."""
    from huggingface_hub.constants import HF_HOME

    cache = Path(os.environ.get("HF_DATASETS_CACHE") or Path(HF_HOME) / "datasets")
    place = cache / dataset.replace("/", "___") / name
    notes = sorted(place.glob("*/*/dataset_info.json"), key=lambda note: note.stat().st_mtime)
    for note in reversed(notes):
        try:
            splits = json.loads(note.read_bytes())["splits"]
            return int(splits[split]["num_examples"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return None
