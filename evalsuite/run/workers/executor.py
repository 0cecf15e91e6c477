"""Executors give each group of jobs an engine and report what happens to the jobs."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO, Protocol

from pydantic import ValidationError

from evalsuite.run.job import Group, Job
from evalsuite.run.options import Resolved
from evalsuite.run.records import failed_record
from evalsuite.run.stored import score_of
from evalsuite.run.workers import events
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.run.workers.starting import Starter
from evalsuite.run.workers.warm import Child
from evalsuite.run.workers.watch import Watch
from evalsuite.schema import Record
from evalsuite.settings import PATIENCE
from evalsuite.store import Store

GRACE_SECONDS = 5.0
"""How long a worker may take to end after an interrupt, before it is killed."""


class Listener(Protocol):
    """Receives what happens to the jobs."""

    def group_started(self, group: Group) -> None:
        """An engine is being loaded for a group."""

    def on_event(self, group: Group, event: events.Event) -> None:
        """A worker reports."""


class Executor(Protocol):
    """Runs groups of jobs; the store and the listener receive the outcome."""

    def run(self, groups: list[Group], options: Resolved, store: Store, listener: Listener) -> None:
        """Run all groups; returns when every job has a record in the store."""


@dataclass(slots=True)
class LocalExecutor:
    """One process a group, one group after the other."""

    patience: float = field(default_factory=PATIENCE.value)
    """Seconds of doing nothing after which a worker is ended."""
    _child: Child | None = field(default=None, init=False)
    _starter: Starter = field(init=False)

    def __post_init__(self) -> None:
        self._starter = Starter(self.patience)

    def run(self, groups: list[Group], options: Resolved, store: Store, listener: Listener) -> None:
        stages_done: Counter[tuple[str, str]] = Counter()
        try:
            self._starter.prepare(groups, options)
            for planned in groups:
                # A job that failed in one stage has no next one.
                left = tuple(
                    job
                    for job in planned.jobs
                    if planned.stage(job) == stages_done[job.checkpoint.fingerprint, job.key]
                )
                group = replace(planned, jobs=left)
                if not left:
                    continue
                listener.group_started(group)
                for key in self._group(group, options, store, listener):
                    stages_done[group.checkpoint.fingerprint, key] += 1
        finally:
            self._end_child()
            self._starter.end()

    def _group(
        self, group: Group, options: Resolved, store: Store, listener: Listener
    ) -> frozenset[str]:
        """Run a group to its end, with a new worker whenever one dies within a job.

        A job whose worker had to be ended is tried once more.

        Returns:
            The jobs that go on to their next stage.
        """
        left = {job.key: job for job in group.jobs}
        earlier = {key: score_of(job, options.data_root, store) for key, job in left.items()}
        passed: set[str] = set()
        stalled: set[str | None] = set()
        in_turn = False
        while left:
            log = _log_path(store)
            rest = replace(group, jobs=tuple(left.values()))
            spec = WorkerSpec.of(rest, options, store.root, log, in_turn=in_turn)
            outcome = self._worker(spec, partial(listener.on_event, group))
            passed |= outcome.passed
            _drop(left, outcome.ended | outcome.passed)
            for key in _scored_unreported(left, earlier, options, store):
                _report_scored(group, left.pop(key), store, listener)
            if not left:
                if not outcome.failed:
                    log.unlink(missing_ok=True)
                break
            at = outcome.current
            if at is not None and at not in left:
                continue
            if outcome.beside:
                # Any of several jobs may be to blame: the next worker does them by themselves.
                in_turn = True
                why = outcome.stall or outcome.reason(log)
                listener.on_event(group, events.EngineStalled(reason=why, restarted=True))
                continue
            if outcome.stall:
                again = at not in stalled
                stalled.add(at)
                listener.on_event(
                    group, events.EngineStalled(reason=outcome.stall, restarted=again)
                )
                if again:
                    continue
            # The worker ended early: the job it was at has failed; without one, all have.
            for key in [at] if at is not None else list(left):
                job, gpu = left.pop(key), options.gpu_facts
                self._store_failure(group, job, outcome.reason(log), store, listener, gpu)
        return frozenset(passed)

    def _worker(self, spec: WorkerSpec, report: Callable[[events.Event], None]) -> WorkerOutcome:
        outcome = WorkerOutcome()
        child = self._child = self._starter.start(spec)
        assert child.stdin is not None
        assert child.stderr is not None
        # From a thread: a pipe holds 64 KiB, and a worker may hang before it reads.
        message = spec.model_dump_json().encode()
        Thread(target=_send, args=(child.stdin, message), daemon=True).start()
        listen(child, Watch(child.pid, self.patience), outcome, report)
        if outcome.stall:
            _signal_group(child, signal.SIGKILL)
        outcome.code = child.wait()
        # What a killed worker leaves behind would keep its memory, and the pipes open.
        _signal_group(child, signal.SIGKILL)
        outcome.stderr = child.stderr.read().decode(errors="replace")
        self._child = None
        return outcome

    def _store_failure(
        self,
        group: Group,
        job: Job,
        reason: str,
        store: Store,
        listener: Listener,
        gpu: Mapping[str, str] | None,
    ) -> None:
        path = store.put(failed_record(job.checkpoint, job.task, job.signature, reason, gpu=gpu))
        listener.on_event(
            group, events.JobEnded(job=job.key, status="failed", record=str(path), reason=reason)
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
class WorkerOutcome:
    """What is known of a worker once it has ended; jobs are named by their keys."""

    ended: set[str] = field(default_factory=set)
    """Jobs that have a record."""
    passed: set[str] = field(default_factory=set)
    """Jobs that go on to their next stage."""
    running: list[str] = field(default_factory=list)
    """Jobs that have begun and not ended, last the one that the engine works for."""
    beside: tuple[str, ...] = ()
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
            case events.JobStarted() if event.job not in self.running:
                self.running.insert(0, event.job)
            case events.EngineBusy() if event.job in self.running:
                self.running.remove(event.job)
                self.running.append(event.job)
                self.beside = event.beside
            case events.StageEnded():
                self.passed.add(event.job)
                self._over(event.job)
            case events.JobEnded():
                self.ended.add(event.job)
                self._over(event.job)
                self.failed = self.failed or event.status == "failed"
            case events.EngineFailed():
                self.engine_failure = event.reason
            case _:
                pass

    def _over(self, job: str) -> None:
        if job in self.running:
            self.running.remove(job)
        self.beside = tuple(other for other in self.beside if other != job)

    @property
    def current(self) -> str | None:
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


def listen(
    child: Child,
    watch: Watch,
    outcome: WorkerOutcome,
    report: Callable[[events.Event], None],
) -> None:
    """Read what a worker reports until it has ended, or has stalled."""
    assert child.stdout is not None
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
                    watch.on_event(event)
                    outcome.note(event)
                    report(event)
            elif child.poll() is not None:
                return  # it was killed, and a process that it started holds the pipe open
            elif reason := watch.look():
                outcome.stall = reason
                return


def _log_path(store: Store) -> Path:
    """A new worker's log."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}.{os.getpid()}.log"
    return store.root / ".work" / "logs" / name


def _drop(left: dict[str, Job], keys: set[str]) -> None:
    for key in keys:
        left.pop(key, None)


def _send(stdin: IO[bytes], message: bytes) -> None:
    # A worker that dies before it has read all says why in its exit code.
    with suppress(BrokenPipeError), stdin:
        stdin.write(message)


def _scored_unreported(
    left: Mapping[str, Job],
    earlier: Mapping[str, Record | None],
    options: Resolved,
    store: Store,
) -> list[str]:
    """Jobs whose worker was ended after it had stored their score, and before it said so."""
    found = {key: score_of(job, options.data_root, store) for key, job in left.items()}
    return [key for key, record in found.items() if record not in (None, earlier[key])]


def _report_scored(group: Group, job: Job, store: Store, listener: Listener) -> None:
    """Do what the worker of a job had no time for."""
    store.clear_finished(job.checkpoint.ref, job.key)
    listener.on_event(group, events.JobEnded(job=job.key, status="scored", record=None))


def _signal_group(child: Child, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
