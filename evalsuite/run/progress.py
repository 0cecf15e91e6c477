"""How a run shows where it is: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.progress import Task as Bar
from rich.text import Text

from evalsuite.run.job import Group
from evalsuite.run.plan import Plan
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import Listener

SECONDS_BETWEEN_LINES = 15.0
"""Without a terminal, a long job says at most this often how far it is."""


@dataclass(slots=True)
class Meter:
    """Rate and time left of one job.

    What was there from an earlier run is not counted as speed.
    """

    begun: float = 0.0
    started: float = field(default_factory=time.monotonic)
    """When the newest count began."""
    first: int | None = None
    done: int = 0
    total: int = 0
    unit: str = ""

    def update(self, done: int, total: int, unit: str) -> None:
        """Take over the newest count."""
        if self.first is None or unit != self.unit or done < self.done:
            self.first, self.started = done, time.monotonic()
        self.done, self.total, self.unit = done, total, unit

    def text(self) -> str:
        """For example ``1,200/3,000 texts, 85/s, 21 s left``."""
        text = f"{self.done:,}/{self.total:,} {self.unit}"
        if self.done == self.total:
            return f"{text}, scoring"
        elapsed = time.monotonic() - self.started
        fresh = self.done - (self.first or 0)
        if fresh < max(3, self.total // 50) or elapsed < 0.5:
            return text  # too early to tell
        rate = fresh / elapsed
        left = (self.total - self.done) / rate
        return f"{text}, {rate:,.0f}/s, {duration(left)} left"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: ``8.2 s``, ``4 min 05 s``, ``3 h 20 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


@dataclass(slots=True)
class Lines(Listener):
    """Prints one line for each thing that happens."""

    console: Console
    total: int
    finished: int = 0
    _meters: dict[str, Meter] = field(default_factory=dict)
    """Of the jobs that have begun and not ended: one may be scored while the next is run."""
    _last_line: float = 0.0

    def group_started(self, group: Group) -> None:
        name = escape(group.checkpoint.name)
        doing = "getting the judge ready" if group.needs == "judge" else "loading the engine"
        self._print(f"{name}: {doing} for {_tasks(group)}")

    def on_event(self, group: Group, event: events.Event) -> None:
        match event:
            case events.EngineLoading():
                self._print(f"{escape(group.checkpoint.name)}: {_loading_line(event)}")
            case events.EngineReady():
                self._print(f"{event.engine} ready after {duration(event.seconds)}")
            case events.EngineFailed():
                self._print(f"[red]the engine failed:[/red] {escape(event.reason)}")
            case events.EngineStalled():
                then = "it is started again" if event.restarted else "given up"
                self._print(f"[red]{escape(event.reason)}:[/red] {then}")
            case events.JobStarted():
                self._meters[event.job] = Meter(begun=time.monotonic())
                self._last_line = time.monotonic()
            case events.JobProgress():
                meter = self._meters[event.job]
                meter.update(event.done, event.total, event.unit)
                if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
                    self._last_line = time.monotonic()
                    self._print(f"{_job(group, event.job)}: {meter.text()}")
            case events.StageEnded():
                self._meters.pop(event.job, None)
                job = group.job(event.job)
                self._print(f"{_job(group, event.job)}: {job.stages[group.stage(job)].leaves}")
            case events.JobEnded():
                self.finished += 1
                self._print(self._ended(group, event))

    def _ended(self, group: Group, event: events.JobEnded) -> str:
        now = time.monotonic()
        meter = self._meters.pop(event.job, None)
        took = duration(now - meter.begun if meter else 0.0)
        head = f"[{self.finished}/{self.total}] {_job(group, event.job)}"
        if event.status == "scored":
            by = ", by another run" if event.by_other_run else ""
            return f"{head} [green]done[/green] in {took}{by}"
        color = "red" if event.status == "failed" else "yellow"
        return f"{head} [{color}]{event.status}[/{color}]: {escape(event.reason or '')}"

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


class MeterColumn(ProgressColumn):
    """A job's meter; where there is none yet, as while an engine loads, the time since it began."""

    def render(self, task: Bar) -> Text:
        """The text of one bar."""
        return Text(task.fields["meter"] or duration(task.elapsed or 0.0))


@dataclass(slots=True)
class Live(Lines):
    """Keeps the lines, and shows each job that is under way in a bar below them."""

    bar: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)

    def group_started(self, group: Group) -> None:
        Lines.group_started(self, group)
        assert self.bar is not None
        text = f"{escape(group.checkpoint.name)}: importing libraries"
        self._tasks[_loading(group)] = self.bar.add_task(text, total=None, meter="")

    def on_event(self, group: Group, event: events.Event) -> None:
        assert self.bar is not None
        if not isinstance(event, events.EngineLoading):
            self._remove(_loading(group))  # whatever else is reported, loading is over
        match event:
            case events.EngineLoading():
                text = f"{escape(group.checkpoint.name)}: {event.doing}"
                if _loading(group) in self._tasks:
                    self.bar.update(self._tasks[_loading(group)], description=text)
            case events.JobStarted():
                self._remove(event.job)  # a job may begin again
                Lines.on_event(self, group, event)
                name = _job(group, event.job)
                self._tasks[event.job] = self.bar.add_task(name, total=None, meter="")
            case events.JobProgress():
                meter = self._meters[event.job]
                meter.update(event.done, event.total, event.unit)
                if event.job in self._tasks:
                    self.bar.update(
                        self._tasks[event.job],
                        completed=event.done,
                        total=event.total,
                        meter=meter.text(),
                    )
            case _:
                if isinstance(event, events.StageEnded | events.JobEnded):
                    self._remove(event.job)
                Lines.on_event(self, group, event)

    def _remove(self, key: str) -> None:
        assert self.bar is not None
        if key in self._tasks:
            self.bar.remove_task(self._tasks.pop(key))


@contextmanager
def listener(console: Console, plan: Plan) -> Iterator[Listener]:
    """The display that fits the console, for the jobs of a plan that are still to do."""
    total = sum(job.todo for job in plan.jobs)
    if not console.is_terminal:
        yield Lines(console, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(30), MeterColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield Live(console, total, bar=bar)


def _job(group: Group, key: str) -> str:
    """Checkpoint and task as rich markup: a folder's name may have brackets."""
    return escape(f"{group.checkpoint.name} {group.job(key).task.name}")


def _loading_line(event: events.EngineLoading) -> str:
    if event.imported is None:
        return event.doing
    return f"{event.doing}, libraries imported in {duration(event.imported)}"


def _loading(group: Group) -> str:
    """Key of the bar that shows that a group's engine loads; no job has it."""
    return f"loading {group.checkpoint.fingerprint} {group.needs}"


def _tasks(group: Group) -> str:
    count = len(group.jobs)
    return f"{count} {group.world} task{'s' if count > 1 else ''}"
