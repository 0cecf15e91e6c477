"""Facts about a harness that take seconds to learn, kept in the user's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evalsuite.files import read_cache, write_cache
from evalsuite.paths import cache_dir


def remembered(file: str, learn: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the content of a cache file, learning and writing it if it is not there.

    Args:
        file: Name in the cache folder; carries the version of what it describes.
        learn: Gives JSON-ready facts.
    """
    path = cache_dir() / file
    if known := read_cache(path):
        return known
    learned = learn()
    write_cache(path, learned)
    return learned
