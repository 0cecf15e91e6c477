"""Vectors on the disk, in files named after all that they depend on.

Their size together is bounded; deleting them costs only the time to compute them again.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.files import replacing
from evalsuite.settings import VECTORS_GIB

TRIMMED_TO: Final = 0.9
"""Share of the limit to which files are removed, so that the next few files fit at once."""

LOOK_EVERY: Final = 1 / 32
"""Share of the limit that may be written before the size on the disk is measured again."""


class VectorFiles:
    """One scope's files in a folder that all scopes share.

    Several processes may use it at once: a file is there whole or not at all, and a process that
    misses one computes it. A file that cannot be written costs only the time to compute it again.

    Args:
        root: Folder of all scopes.
        scope: All that vectors depend on besides prefix and texts, as a hash.
        read: Whether to use files of earlier jobs.

    Attributes:
        folder: Folder of the scope. Other files in it are removed like vectors, those first that
            were unused for longest.
        read: As given.

    Raises:
        UsageError: If the limit in the environment is not a valid number.
    """

    def __init__(self, root: Path, scope: str, *, read: bool = True) -> None:
        self._root = root
        self.folder = root / scope
        self.read = read
        self._limit = int(VECTORS_GIB.value() * 2**30)
        self._unseen = self._limit  # so that the size is measured after the first file
        self._mine: set[str] = set()

    def get(self, name: str, rows: int | None = None) -> Vectors | None:
        """Vectors by name; ``None`` where they are not there, or not whole."""
        if not self.read and name not in self._mine:
            return None
        path = self._path(name)
        try:
            vectors: Vectors = np.load(path, allow_pickle=False)
            os.utime(path)
        except (OSError, ValueError, EOFError):
            return None
        whole = vectors.ndim == 2 and vectors.dtype == np.float32
        return vectors if whole and rows in (None, len(vectors)) else None

    def put(self, name: str, vectors: Vectors) -> None:
        """Keep vectors, so that they are there whole or not at all, also after a power cut."""
        self._mine.add(name)
        path = self._path(name)
        try:
            with replacing(path, sync=True) as temp, temp.open("wb") as stream:
                np.save(stream, vectors, allow_pickle=False)
        except OSError as error:
            logging.getLogger(__name__).warning("vectors are not kept: %s", error)
            return
        self._unseen += vectors.nbytes
        if self._unseen >= self._limit * LOOK_EVERY:
            self._unseen = 0
            trim(self._root, self._limit)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"


def trim(root: Path, limit: int) -> None:
    """Remove the files that were not used for longest, until the others fit.

    Args:
        root: Folder with one folder a scope.
        limit: Bytes.
    """
    files: list[tuple[float, int, Path]] = []
    for path in root.glob("*/*"):
        with suppress(OSError):  # another process was faster
            stat = path.stat()
            files.append((stat.st_mtime, stat.st_size, path))
    size = sum(file[1] for file in files)
    if size <= limit:
        return
    for _, bytes_, path in sorted(files):
        if size <= limit * TRIMMED_TO:
            return
        with suppress(OSError):
            path.unlink()
            size -= bytes_
