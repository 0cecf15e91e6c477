"""Where a run is, as a bar in a notebook."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from html import escape
from typing import Any

from evalsuite.run.job import Group
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import Listener

SECONDS_BETWEEN_UPDATES = 0.3


def in_notebook() -> bool:
    """Whether this process shows what it displays in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


@dataclass(slots=True)
class NotebookBar(Listener):
    """One bar over all jobs, with what is being done beside it."""

    total: int
    finished: int = 0
    failed: int = 0
    _doing: str = ""
    _handle: Any = None
    _shown: float = field(default=0.0)

    def group_started(self, group: Group) -> None:
        self._doing = f"{group.checkpoint.name}: loading"
        self._update(now=True)

    def on_event(self, group: Group, event: events.Event) -> None:
        match event:
            case events.JobStarted():
                self._doing = f"{group.checkpoint.name} {group.job(event.job).task.name}"
            case events.JobProgress():
                name = group.job(event.job).task.name
                done = f"{event.done:,}/{event.total:,} {event.unit}"
                self._doing = f"{group.checkpoint.name} {name}: {done}"
            case events.JobEnded():
                self.finished += 1
                self.failed += event.status == "failed"
            case _:
                return
        self._update(now=isinstance(event, events.JobEnded))

    def html(self) -> str:
        """The bar as HTML."""
        failed = f", {self.failed} failed" if self.failed else ""
        doing = "" if self.finished == self.total else escape(self._doing)
        return (
            f'<progress value="{self.finished}" max="{self.total}"></progress> '
            f"{self.finished}/{self.total}{failed} {doing}"
        )

    def _update(self, *, now: bool) -> None:
        if not now and time.monotonic() - self._shown < SECONDS_BETWEEN_UPDATES:
            return
        self._shown = time.monotonic()
        shown = sys.modules["IPython"].display
        if self._handle is None:
            self._handle = shown.display(shown.HTML(self.html()), display_id=True)
        else:
            self._handle.update(shown.HTML(self.html()))
