"""Generated files, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from evalsuite.errors import StoreError
from evalsuite.files import write_atomically


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file, creating its folder if need be.

    Raises:
        StoreError: If the folder cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}", "choose another folder"
        ) from error
    return path
