"""Generated files: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from evalsuite.errors import StoreError


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name, then move it to its own.

    Raises:
        StoreError: If the folder cannot be written.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temp.write_bytes(content)
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}", "choose another folder"
        ) from error
    return path
