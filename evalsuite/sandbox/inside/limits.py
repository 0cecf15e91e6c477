"""What a process in the sandbox may use, set before anybody's code runs."""

from __future__ import annotations

import resource
from collections.abc import Mapping


def set_limits(limits: Mapping[str, int]) -> None:
    """Set hard limits, which cannot be raised again.

    Args:
        limits: Name in :mod:`resource` → most.
    """
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))
