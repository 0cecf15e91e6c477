"""Own embedding tasks on data sets of the hub: their tables, as files in the cache.

A table that has become a file is read, checked and scored as a person's own file is.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

from evalsuite.data import (
    converted_folder,
    dataset_folder,
    hash_folder,
    hub_info,
    local_info,
    rows_hash,
    stream_rows,
)
from evalsuite.engines.vectors.vector_files import trim
from evalsuite.errors import DataError, first_line
from evalsuite.files import replacing
from evalsuite.kinds.mteb.task import COLUMNS, OwnEmbeddingTask
from evalsuite.paths import cache_dir
from evalsuite.schema import DataInfo

OwnT = TypeVar("OwnT", bound=OwnEmbeddingTask)

LIMIT: Final = 10 * 2**30
"""Bytes of all files together, past which those unused for longest are removed."""


def read_hub(task: OwnEmbeddingTask, root: Path | None) -> tuple[OwnEmbeddingTask, DataInfo]:
    """The task on files instead of a data set, and what was read.

    Args:
        task: With ``hub``.
        root: Local mirror of the hub; with it nothing is fetched.

    Raises:
        DataError: If the data set is not there, or has no such config or split.
    """
    task = with_files(task, root)
    assert task.hub is not None
    assert task.data is not None
    if root is not None:
        return task, local_info({task.hub.dataset: _folder(task, root)})
    rows = chain.from_iterable(stream_rows(path) for _, path in sorted(task.data.items()))
    return task, hub_info(task.reads, rows_hash(rows))


def with_files(task: OwnT, root: Path | None) -> OwnT:
    """The task with a file in the cache for each of its tables; see :func:`read_hub`."""
    assert task.hub is not None
    assert task.type is not None
    cache = cache_dir() / "hub"
    if root is not None:
        source = _folder(task, root)
        folder, kept = cache / hash_folder(source)[:32], True
        more = {"path": str(source), "cache_dir": str(converted_folder(source))}
    else:
        revision = task.reads[task.hub.dataset]
        folder = cache / f"{task.hub.dataset.replace('/', '--')}@{revision}"
        kept = task.hub.revision is not None
        more = {"path": task.hub.dataset, "revision": revision}
    files: dict[str, Path] = {}
    for role in COLUMNS[task.type]:
        config, split = task.hub.part(role)
        files[role] = folder / f"{config or 'default'}.{split}.parquet"
        if not (kept and files[role].is_file()):
            _write(files[role], task, role, more)
    trim(cache, LIMIT)
    return task.model_copy(update={"data": files})


def _folder(task: OwnEmbeddingTask, root: Path) -> Path:
    assert task.hub is not None
    folder = dataset_folder(root, task.hub.dataset, task.hub.revision)
    if folder is None:
        raise DataError(
            f"data set {task.hub.dataset}, needed by {task.name}, is not in {root}",
            f"put it there as {task.hub.dataset} in the hub's layout, or leave out --data",
        )
    return folder


def _write(target: Path, task: OwnEmbeddingTask, role: str, more: dict[str, str]) -> None:
    import datasets

    assert task.hub is not None
    config, split = task.hub.part(role)
    datasets.disable_progress_bars()
    try:
        table = datasets.load_dataset(name=config, split=split, **more)
        with replacing(target) as part:
            table.to_parquet(str(part))
    except Exception as error:  # readers of many formats raise anything
        raise DataError(
            f"{task.name}: {role} cannot be read from {_where(task, role)}: {first_line(error)}",
            "name its config and split under 'splits' in the task file",
        ) from error


def _where(task: OwnEmbeddingTask, role: str) -> str:
    assert task.hub is not None
    config, split = task.hub.part(role)
    return f"{task.hub.dataset}, config {config or 'default'}, split {split}"
