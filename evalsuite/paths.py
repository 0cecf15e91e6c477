"""Where evalsuite finds what it ships and keeps what it caches."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from evalsuite.settings import CACHE

_PACKAGE = Path(__file__).parent


def shipped_tasks() -> Path:
    """The built-in ``tasks/`` folder: inside the wheel, or beside the package in a checkout."""
    in_wheel = _PACKAGE / "_shipped" / "tasks"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / "tasks"


def shipped_examples() -> Path:
    """The folder of example tasks: inside the wheel, or in a checkout."""
    in_wheel = _PACKAGE / "_shipped" / "examples"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / "examples" / "tasks"


def shipped_published() -> Path:
    """The built-in ``results/published/``: inside the wheel, or in a checkout."""
    in_wheel = _PACKAGE / "_shipped" / "published"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / "results" / "published"


def cache_dir() -> Path:
    """The user's cache folder; ``EVALSUITE_CACHE`` overrides it. Safe to delete."""
    override = os.environ.get(CACHE)
    return Path(override).expanduser() if override else platformdirs.user_cache_path("evalsuite")
