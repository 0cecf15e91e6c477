"""Hashes of data files and folders, remembered while size and time stamps stay the same.

So planning a run over gigabytes of data sets takes milliseconds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evalsuite.errors import DataError
from evalsuite.files import remembered_hashes, sha256
from evalsuite.paths import cache_dir
from evalsuite.schema import digest


def hash_file(path: Path, cache: Path | None = None) -> str:
    """SHA-256 over a file's content, remembered while size and time stamps stay the same.

    Args:
        path: The file.
        cache: Folder for remembered hashes; the user's cache folder if absent.

    Returns:
        64 hex digits.

    Raises:
        DataError: If the file cannot be read.
    """
    return _hash_files(path.parent, [path.name], cache)[path.name]


def hash_folder(path: Path, cache: Path | None = None) -> str:
    """SHA-256 over the sorted relative names and contents of a folder's files.

    Hidden files and folders (names beginning with a dot) do not count.

    Args:
        path: The folder.
        cache: Folder for remembered hashes; the user's cache folder if absent.

    Returns:
        64 hex digits.

    Raises:
        DataError: If the folder is missing, unreadable or without files.
    """
    names = sorted(_data_files(path))
    if not names:
        raise DataError(f"no data files in {path}", "check the path")
    hashes = _hash_files(path, names, cache)
    return digest([[name, hashes[name]] for name in names])


def _data_files(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield Path(parent, name).relative_to(folder).as_posix()


def _hash_files(folder: Path, names: Iterable[str], cache: Path | None) -> dict[str, str]:
    """Hash files of one folder; all remembered hashes of a folder are in one JSON file."""
    home = folder.resolve()
    key = hashlib.sha256(str(home).encode()).hexdigest()[:32]
    memory = (cache or cache_dir()) / "hashes" / f"{key}.json"
    try:
        return remembered_hashes(memory, {name: home / name for name in names}, _sha256_each)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename or folder}: {error.strerror or error}", "check the path"
        ) from None


def _sha256_each(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: sha256(path) for name, path in files.items()}
