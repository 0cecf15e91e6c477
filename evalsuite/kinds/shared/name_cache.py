"""Facts about a harness that take seconds to learn, kept in the user's cache."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalsuite.paths import cache_dir


def remembered(file: str, learn: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the content of a cache file, learning and writing it if it is not there.

    Args:
        file: Name in the cache folder; carries the version of what it describes.
        learn: Gives JSON-ready facts.
    """
    path = cache_dir() / file
    if (known := _read(path)) is not None:
        return known
    learned = learn()
    _write(path, learned)
    return learned


def _read(path: Path) -> dict[str, Any] | None:
    try:
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return plain if isinstance(plain, dict) else None


def _write(path: Path, plain: dict[str, Any]) -> None:
    """Write whole or not at all; a cache that cannot be written costs time, not correctness."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w") as stream:
            json.dump(plain, stream)
        Path(name).replace(path)
    except OSError:
        return
