"""What was read for a score, and whether it would be the same now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from evalsuite.data.hashes import hash_file, hash_folder
from evalsuite.data.mirror import dataset_folder
from evalsuite.errors import DataError
from evalsuite.paths import shipped_tasks
from evalsuite.schema import DataInfo, digest


def local_info(folders: Mapping[str, Path], source: Literal["local", "hub"] = "local") -> DataInfo:
    """Describe data sets that are read from local folders.

    Args:
        folders: Data set name → folder.
        source: Where the data came from.

    Returns:
        The hash of all of them and of each.
    """
    datasets = {name: hash_folder(folder) for name, folder in sorted(folders.items())}
    return DataInfo(hash=digest(datasets), source=source, datasets=datasets)


def files_info(files: Mapping[str, Path]) -> DataInfo:
    """Describe the files of an own-data task.

    Args:
        files: Role (``train``, ``test``, ``corpus`` …) → file.

    Returns:
        The hash of all of them and of each; ``built-in`` if all lie among the task files that
        are part of evalsuite.
    """
    home = shipped_tasks().resolve()
    inside = all(path.resolve().is_relative_to(home) for path in files.values())
    datasets = {role: hash_file(path) for role, path in sorted(files.items())}
    source: Literal["built-in", "local"] = "built-in" if inside else "local"
    return DataInfo(hash=digest(datasets), source=source, datasets=datasets)


def rows_hash(rows: Iterable[Mapping[str, object]]) -> str:
    """SHA-256 over rows as they were loaded, in their order; 64 hex digits."""
    hasher = hashlib.sha256()
    for row in rows:
        line = json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)
        hasher.update(line.encode("utf-8", "surrogatepass"))
        hasher.update(b"\n")
    return hasher.hexdigest()


def hub_info(revisions: Mapping[str, str], rows_hash: str) -> DataInfo:
    """Describe data that was loaded from the hub.

    Args:
        revisions: Data set name → revision that was asked for.
        rows_hash: Hash of the rows that were loaded, from :func:`rows_hash`.
    """
    return DataInfo(hash=rows_hash, source="hub", datasets=dict(sorted(revisions.items())))


def still_matches(
    info: DataInfo,
    root: Path | None,
    files: Mapping[str, Path] | None = None,
    revisions: Mapping[str, str] | None = None,
) -> bool:
    """Whether a task would read now what it read for a stored record.

    Args:
        info: What the record was computed from.
        root: Folder of local data sets; ``None`` for the hub.
        files: The task's own files, for tasks that have them.
        revisions: Data set → the commit that the task names, where it names one.

    Returns:
        Whether all hashes are still the same. Data from the hub is pinned by revision and
        counts as unchanged as long as it would come from the hub again.
    """
    try:
        if files is not None:
            return files_info(files).hash == info.hash
        if info.source == "local" and not info.datasets:
            return True  # all that was read is part of the signature
        if info.source == "hub" or root is None:
            return info.source == "hub" and root is None
        wanted = revisions or {}
        folders = {name: dataset_folder(root, name, wanted.get(name)) for name in info.datasets}
        found = {name: folder for name, folder in folders.items() if folder is not None}
        return len(found) == len(folders) and local_info(found).hash == info.hash
    except DataError:
        return False
