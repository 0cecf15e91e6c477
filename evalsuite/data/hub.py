"""A limit on the time that the hub may take to answer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from evalsuite.settings import HUB_TIMEOUT

if TYPE_CHECKING:
    import httpx2


@cache
def bound_hub() -> None:
    """Give every request of the hub library a time limit.

    Some of its requests have none, whatever its own variables say.

    Raises:
        UsageError: If ``EVALSUITE_HUB_TIMEOUT`` is not valid.
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    seconds = HUB_TIMEOUT.value()

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
