"""How long the hub may say nothing."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

from evalsuite.errors import UsageError

if TYPE_CHECKING:
    import httpx2

VARIABLE: Final = "EVALSUITE_HUB_TIMEOUT"
"""Seconds instead of :data:`SECONDS`, from the environment."""
SECONDS: Final = 30.0
"""That a request to the hub may wait for the next byte."""


def given_timeout() -> float:
    """The seconds that the environment gives, or the default ones.

    Raises:
        UsageError: If the environment says what is no number of seconds.
    """
    given = os.environ.get(VARIABLE)
    if given is None:
        return SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{VARIABLE}={given} is not valid", "give seconds, more than 0")
    return seconds


@cache
def bound_hub() -> None:
    """See to it that no request of the hub library waits for ever.

    Some of its requests have no limit at all, whatever its own variables say.

    Raises:
        UsageError: See :func:`given_timeout`.
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    seconds = given_timeout()

    def bound(request: httpx2.Request) -> None:
        waits = request.extensions.get("timeout", {})
        for what in ("connect", "read", "write", "pool"):
            stated = waits.get(what)
            waits[what] = seconds if stated is None else min(stated, seconds)
        request.extensions["timeout"] = waits

    def make() -> httpx2.Client:
        client: httpx2.Client = default_client_factory()
        hooks = client.event_hooks
        client.event_hooks = {**hooks, "request": [*hooks["request"], bound]}
        return client

    set_client_factory(make)
