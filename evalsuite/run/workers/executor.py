"""Executors: who gives each group of jobs an engine, and hears what becomes of them."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO, Protocol

from pydantic import ValidationError

from evalsuite.run.options import RunOptions
from evalsuite.run.plan import Group, Job
from evalsuite.run.records import failed_record
from evalsuite.run.stored import score_of
from evalsuite.run.workers import events
from evalsuite.run.workers.spec import JobSpec, WorkerSpec
from evalsuite.run.workers.watch import Watch
from evalsuite.schema import Record
from evalsuite.settings import PATIENCE
from evalsuite.store import Store

GRACE_SECONDS = 5.0
"""How long a worker may take to end after an interrupt, before it is killed."""


class Listener(Protocol):
    """Hears of everything that happens to the jobs."""

    def group_started(self, group: Group) -> None:
        """An engine is being loaded for a group."""

    def heard(self, group: Group, event: events.Event) -> None:
        """A worker reports."""


class Executor(Protocol):
    """Runs groups of jobs; the store and the listener hear of the outcome."""

    def run(self, groups: list[Group], options: RunOptions, store: Store, hear: Listener) -> None:
        """Run all groups; returns when every job has a record in the store."""


@dataclass(slots=True)
class LocalExecutor:
    """One child process a group, one group after the other."""

    patience: float = field(default_factory=PATIENCE.value)
    """Seconds of doing nothing after which a worker is ended."""
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def run(self, groups: list[Group], options: RunOptions, store: Store, hear: Listener) -> None:
        answered: list[Job] = []
        try:
            for planned in groups:
                group = planned
                # What did not get through its first stage has failed already.
                left = tuple(
                    job for job in group.jobs if job in answered or not group.second_stage(job)
                )
                group = replace(group, jobs=left)
                if group.jobs:
                    hear.group_started(group)
                    answered += self._group(group, options, store, hear)
        finally:
            self._end_child()

    def _group(self, group: Group, options: RunOptions, store: Store, hear: Listener) -> list[Job]:
        """Run a group to its end, with a new worker whenever one dies within a job.

        A job whose worker had to be ended is tried once more.

        Returns:
            The jobs whose first stage is done.
        """
        earlier = [score_of(job, options.data_root, store) for job in group.jobs]
        ended: set[int] = set()
        stalled: set[int | None] = set()
        in_turn = False
        answered: list[Job] = []
        while len(ended) < len(group.jobs):
            left = [index for index in range(len(group.jobs)) if index not in ended]
            log = _log_path(store)
            spec = WorkerSpec(
                checkpoint=group.checkpoint,
                world=group.world,
                jobs=tuple(_spec(group.jobs[index]) for index in left),
                options=options,
                store=store.root.absolute(),
                log=log.absolute(),
                stage=group.stage,
                judge=group.judge,
                cached=group.cached,
                in_turn=in_turn,
            )
            outcome = self._worker(spec, partial(_relay, hear, group, left))
            ended.update(left[index] for index in outcome.ended)
            answered += [group.jobs[left[index]] for index in sorted(outcome.answered)]
            for index in _untold(group, sorted(set(left) - ended), earlier, options, store):
                ended.add(index)
                _end_untold(group, index, store, hear)
            if len(ended) == len(group.jobs):
                if not outcome.failed:
                    log.unlink(missing_ok=True)
                break
            at = left[outcome.current] if outcome.current is not None else None
            if at in ended:
                continue
            if outcome.beside:
                # Any of several jobs may be to blame: the next worker does them by themselves.
                in_turn = True
                why = outcome.stall or outcome.reason(log)
                hear.heard(group, events.EngineStalled(reason=why, restarted=True))
                continue
            if outcome.stall:
                again = at not in stalled
                stalled.add(at)
                hear.heard(group, events.EngineStalled(reason=outcome.stall, restarted=again))
                if again:
                    continue
            # The worker ended early: the job it was at has failed; without one, all have.
            lost = [at] if at is not None else sorted(set(left) - ended)
            for index in lost:
                self._store_failure(group, index, outcome.reason(log), store, hear)
            ended.update(lost)
        return answered

    def _worker(self, spec: WorkerSpec, hear: Callable[[events.Event], None]) -> _Outcome:
        outcome = _Outcome()
        command = [sys.executable, "-m", "evalsuite.run.workers.worker"]
        # A session of its own: Ctrl-C reaches this process alone, which then ends the worker.
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._child = child
        assert child.stdin is not None
        assert child.stderr is not None
        # From a thread: a pipe holds 64 KiB, and a worker may hang before it reads.
        told = spec.model_dump_json().encode()
        Thread(target=_tell, args=(child.stdin, told), daemon=True).start()
        self._listen(child, outcome, hear)
        if outcome.stall:
            _signal_group(child, signal.SIGKILL)
        outcome.code = child.wait()
        # What a killed worker leaves behind would keep its memory, and the pipes open.
        _signal_group(child, signal.SIGKILL)
        outcome.stderr = child.stderr.read().decode(errors="replace")
        self._child = None
        return outcome

    def _listen(
        self,
        child: subprocess.Popen[bytes],
        outcome: _Outcome,
        hear: Callable[[events.Event], None],
    ) -> None:
        """Hear a worker until it has ended, or has stalled."""
        assert child.stdout is not None
        watch = Watch(child.pid, self.patience)
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(watch.interval):
                    chunk = os.read(child.stdout.fileno(), 1 << 16)
                    if not chunk:
                        return
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        try:
                            event = events.ADAPTER.validate_json(line)
                        except ValidationError:
                            continue  # a library wrote to the channel before it was redirected
                        watch.heard(event)
                        outcome.note(event)
                        hear(event)
                elif child.poll() is not None:
                    return  # it was killed, and a process that it started holds the pipe open
                elif reason := watch.look():
                    outcome.stall = reason
                    return

    def _store_failure(
        self, group: Group, index: int, reason: str, store: Store, hear: Listener
    ) -> None:
        job = group.jobs[index]
        path = store.put(failed_record(job.checkpoint, job.task, job.signature, reason))
        hear.heard(
            group, events.JobEnded(index=index, status="failed", record=str(path), reason=reason)
        )

    def _end_child(self) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            return
        # The worker has its own session, and so its own process group.
        _signal_group(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=GRACE_SECONDS)
        _signal_group(child, signal.SIGKILL)
        child.wait()


@dataclass(slots=True)
class _Outcome:
    """What is known of a worker once it has ended."""

    ended: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    running: list[int] = field(default_factory=list)
    """Jobs that have begun and not ended, last the one that the engine works for."""
    beside: tuple[int, ...] = ()
    """Jobs that the engine works for beside :attr:`current`."""
    ready: bool = False
    """Whether the engine is loaded: before that no job is to blame."""
    failed: bool = False
    engine_failure: str | None = None
    stall: str | None = None
    code: int = 0
    stderr: str = ""

    def note(self, event: events.Event) -> None:
        match event:
            case events.EngineReady():
                self.ready = True
            case events.JobStarted() if event.index not in self.running:
                self.running.insert(0, event.index)
            case events.EngineBusy() if event.index in self.running:
                self.running.remove(event.index)
                self.running.append(event.index)
                self.beside = event.beside
            case events.JobEnded():
                self.ended.add(event.index)
                if event.status == "answered":
                    self.answered.add(event.index)
                if event.index in self.running:
                    self.running.remove(event.index)
                self.beside = tuple(index for index in self.beside if index != event.index)
                self.failed = self.failed or event.status == "failed"
            case events.EngineFailed():
                self.engine_failure = event.reason
            case _:
                pass

    @property
    def current(self) -> int | None:
        """The job that the worker was at."""
        return self.running[-1] if self.ready and self.running else None

    def reason(self, log: Path) -> str:
        """Why the worker ended early, in one line."""
        if self.engine_failure:
            return self.engine_failure
        if self.stall:
            return f"{self.stall}, again after a restart; see {log}"
        if self.code < 0:
            name = signal.Signals(-self.code).name
            why = " (out of memory?)" if self.code == -signal.SIGKILL else ""
            return f"the engine's process was ended by {name}{why}; see {log}"
        last = self.stderr.strip().splitlines()[-1:] or [f"exit code {self.code}"]
        return f"the engine's process ended early: {last[0]}; see {log}"


def _log_path(store: Store) -> Path:
    """A new worker's log."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}.{os.getpid()}.log"
    return store.root / ".work" / "logs" / name


def _spec(job: Job) -> JobSpec:
    return JobSpec(task=job.task, signature=job.signature, instruction=job.instruction)


def _tell(stdin: IO[bytes], told: bytes) -> None:
    # A worker that dies before it has read all says why in its exit code.
    with suppress(BrokenPipeError), stdin:
        stdin.write(told)


def _relay(hear: Listener, group: Group, positions: list[int], event: events.Event) -> None:
    """Pass an event on with the worker's job index replaced by the group's."""
    if isinstance(
        event,
        events.EngineBusy
        | events.JobStarted
        | events.JobWaiting
        | events.JobProgress
        | events.JobEnded,
    ):
        event = event.model_copy(update={"index": positions[event.index]})
    if isinstance(event, events.EngineBusy):
        beside = tuple(positions[index] for index in event.beside)
        event = event.model_copy(update={"beside": beside})
    hear.heard(group, event)


def _untold(
    group: Group,
    places: list[int],
    earlier: list[Record | None],
    options: RunOptions,
    store: Store,
) -> list[int]:
    """Jobs whose worker was ended after it had stored their score, and before it said so."""
    found = {place: score_of(group.jobs[place], options.data_root, store) for place in places}
    return [place for place in places if found[place] not in (None, earlier[place])]


def _end_untold(group: Group, place: int, store: Store, hear: Listener) -> None:
    """Do what a job's worker did not get to."""
    job = group.jobs[place]
    store.clear_finished(job.checkpoint.ref, job.signature.plan_key)
    hear.heard(group, events.JobEnded(index=place, status="scored", record=None))


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
