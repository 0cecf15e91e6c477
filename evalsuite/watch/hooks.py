"""What is told after each checkpoint: a command, an address on the web. Neither can stop a watch.

Another sort of hook is a class with :class:`Hook`'s two members, and a line in
:func:`evalsuite.commands.watch.hooks_of`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from evalsuite.errors import UsageError

SECONDS: Final = 60.0
"""After which a hook is given up."""
Event = Mapping[str, Any]
"""What a hook is told, as plain data for JSON: see ``docs/watch.md``."""


class Hook(Protocol):
    """Something that is told after each checkpoint."""

    @property
    def name(self) -> str:
        """What messages call it; holds no secret."""

    def tell(self, event: Event, seconds: float) -> None:
        """Pass an event on, in some seconds at most.

        Raises:
            Exception: If that fails; its message is noted.
        """


@dataclass(frozen=True, slots=True)
class CommandHook:
    """A shell command that gets the event as JSON on its standard input."""

    command: str

    @property
    def name(self) -> str:
        return f"the command {self.command.split()[0]!r}" if self.command.split() else "a command"

    def tell(self, event: Event, seconds: float) -> None:
        """Run it, and end it with all that it started if it takes too long."""
        child = subprocess.Popen(
            ["/bin/sh", "-c", self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **_variables(event)},
        )
        try:
            _, errors = child.communicate(json.dumps(event), timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise TimeoutError(f"did not end in {seconds:g} s") from None
        if child.returncode:
            last = errors.strip().rpartition("\n")[2]
            raise RuntimeError(f"exit code {child.returncode}" + (f": {last}" if last else ""))


@dataclass(frozen=True, slots=True)
class WebHook:
    """An address that gets the event as JSON by POST.

    Raises:
        UsageError: If it is not an address of http or https.
    """

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                "an address after --webhook does not begin with http:// or https://",
                "give the whole address, for example https://chat.example.org/hooks/KEY",
            )

    @property
    def name(self) -> str:
        # Paths and queries of such addresses are often secrets.
        return f"the webhook at {urlsplit(self.url).hostname}"

    def tell(self, event: Event, seconds: float) -> None:
        """Send it; an answer of 400 or more is an error."""
        request = urllib.request.Request(  # noqa: S310 - checked above
            self.url,
            data=json.dumps(event).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "evalsuite"},
        )
        with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310
            pass


def tell_all(
    hooks: Sequence[Hook],
    event: Event,
    note: Callable[[str], None],
    seconds: float = SECONDS,
) -> None:
    """Tell all hooks; note what fails or hangs, a line each.

    Args:
        hooks: In their order.
        event: What they are told.
        note: Is given the lines.
        seconds: After which a hook is given up.
    """
    for hook in hooks:
        problem = _problem(hook, event, seconds)
        if problem:
            note(f"{hook.name} failed: {problem}; the watch goes on")


def _problem(hook: Hook, event: Event, seconds: float) -> str | None:
    """Why a hook failed; ``None`` if it did not."""
    found: list[str] = []

    def work() -> None:
        try:
            hook.tell(event, seconds)
        except Exception as error:  # noqa: BLE001 - of other people's code
            found.append(" ".join(str(error).split()) or type(error).__name__)

    # Beside this thread: a server that sends a byte now and then outlasts any time limit of its
    # connection.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds + 2)
    if thread.is_alive():
        return f"did not end in {seconds:g} s"
    return found[0] if found else None


def _variables(event: Event) -> dict[str, str]:
    """The main facts as variables, for commands that do not read JSON."""
    facts = {name: event.get(name) for name in ("name", "step", "path", "verdict", "line")}
    return {f"EVALSUITE_{name.upper()}": str(value or "") for name, value in facts.items()}
