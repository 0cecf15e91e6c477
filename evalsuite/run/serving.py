"""The engine's side of the processes that do jobs.

One thread hears all of them: it passes their events on, hands out jobs, and makes texts ready;
the thread that has the engine answers their calls, those of the earliest job first. A call is
answered by itself, so that no result depends on what else was going on.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection, wait
from queue import PriorityQueue
from typing import Any

from evalsuite.engines.base import Encoder, Generator
from evalsuite.engines.batched import BatchedEncoder, Prepared
from evalsuite.engines.remote import Answer, Ask, Facts, Failure, Part
from evalsuite.errors import EngineError, EvalsuiteError
from evalsuite.run import events
from evalsuite.run.jobs import JobRunner
from evalsuite.run.spec import Do, Free

CORES_A_HARNESS = 4
"""Processors for which one more harness process is worth its memory."""

SECONDS_BETWEEN_NEWS = 0.2
"""How often a call that is being answered is said to get on."""

TRIES = 2
"""How often a job is begun whose process ends within it."""


@dataclass(slots=True)
class Harness:
    """A process that does jobs."""

    process: subprocess.Popen[bytes]
    channel: Connection
    job: int | None = None
    """What it is at."""
    sending: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Any) -> None:
        """Send a message; to one that is gone, nothing."""
        with self.sending:
            try:
                self.channel.send(message)
            except OSError:
                return


@dataclass(order=True, slots=True)
class Call:
    """A call that waits for the engine; the order in which calls are answered."""

    job: int
    arrival: int
    harness: Harness | None = field(compare=False, default=None)
    ask: Ask | None = field(compare=False, default=None)
    """``None``: all jobs are done."""
    prepared: Prepared | None = field(compare=False, default=None)


class Serving:
    """Has jobs done by other processes, with an engine of this one.

    The first process is started at once: it imports its libraries while the engine is loaded.

    Args:
        runner: Has the list of jobs; stores the failure of what no process could do.
        indices: The jobs, in order.
    """

    def __init__(self, runner: JobRunner, indices: Sequence[int]) -> None:
        self._runner = runner
        self._open = deque(indices)
        self._held: deque[int] = deque()
        self._begun: Counter[int] = Counter()
        cores = os.cpu_count() or 1
        self._most = min(len(indices), max(2, cores // CORES_A_HARNESS))
        self._threads = max(1, cores // self._most)
        self._harnesses: list[Harness] = []
        self._calls: PriorityQueue[Call] = PriorityQueue()
        self._arrivals = count()
        self._engine: Encoder | Generator | None = None
        self._loaded = threading.Event()
        self._defect: BaseException | None = None
        self._abandoned = False
        self._start()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def serve(self, engine: Encoder | Generator) -> None:
        """Answer calls until all jobs are done."""
        self._engine = engine
        for harness in self._harnesses:
            self._introduce(harness)
        self._loaded.set()
        served = None
        while (call := self._calls.get()).ask is not None:
            assert call.harness is not None
            if call.job != served:
                served = call.job
                self._runner.emit(events.EngineBusy(index=served))
            if call.harness.process.poll() is None:
                _answer(engine, call.harness, call.ask, call.prepared)
        self._thread.join()
        if self._defect is not None:
            raise self._defect

    def abandon(self) -> None:
        """End the processes: there will be no engine."""
        self._abandoned = True
        for harness in self._harnesses:
            harness.process.kill()

    def _introduce(self, harness: Harness) -> None:
        if isinstance(self._engine, Generator):
            harness.send(Facts(self._engine.max_length, self._engine.wave))

    # What follows belongs to the thread that hears.

    def _hear(self) -> None:
        try:
            self._hand_out(self._harnesses[0])
            while self._harnesses:
                by_channel = {harness.channel: harness for harness in self._harnesses}
                for channel in wait(list(by_channel)):
                    assert isinstance(channel, Connection)
                    harness = by_channel[channel]
                    try:
                        message = channel.recv()
                    except (EOFError, OSError):
                        self._lost(harness)
                    else:
                        self._heard(harness, message)
        except BaseException as error:  # noqa: BLE001 - raised again by the other thread
            self._defect = error
        finally:
            self._calls.put(Call(job=sys.maxsize, arrival=next(self._arrivals)))

    def _heard(self, harness: Harness, message: Any) -> None:
        match message:
            case Ask():
                self._asked(harness, message)
                self._grow()
            case Free(held=held):
                if held and harness.job is not None:
                    self._held.append(harness.job)
                harness.job = None
                self._hand_out(harness)
                self._grow()
            case _:
                self._runner.emit(message)

    def _asked(self, harness: Harness, ask: Ask) -> None:
        """Make a call ready for the engine; what needs no model is answered here.

        Tokenizers cannot be used by two threads at once: this one alone does.
        """
        self._loaded.wait()
        engine, prepared = self._engine, None
        if ask.kind == "render":
            assert isinstance(engine, Encoder)
            harness.send(Answer(ask.number, engine.render(*ask.arguments), 0.0))
            return
        if isinstance(engine, BatchedEncoder) and engine.prepares_apart:
            try:
                prepared = engine.prepare(*ask.arguments)
            except Exception as error:  # noqa: BLE001 - it ends the job, not the engine
                harness.send(Failure(ask.number, _portable(error)))
                return
        assert harness.job is not None
        self._calls.put(Call(harness.job, next(self._arrivals), harness, ask, prepared))

    def _hand_out(self, harness: Harness) -> None:
        """Give a process its next job, or leave to go."""
        waiting = not self._open
        jobs = self._held if waiting else self._open
        harness.job = jobs.popleft() if jobs else None
        if harness.job is None:
            harness.send(None)
            return
        self._begun[harness.job] += 1
        harness.send(Do(harness.job, waiting))

    def _grow(self) -> None:
        """Start one more process: only once another has its imports behind it."""
        if self._open and len(self._harnesses) < self._most:
            self._hand_out(self._start())

    def _start(self) -> Harness:
        ours, theirs = socket.socketpair()
        with theirs:
            handle = theirs.fileno()
            process = subprocess.Popen(
                [sys.executable, "-m", "evalsuite.run.harness_process", str(handle)],
                stdin=subprocess.DEVNULL,
                pass_fds=(handle,),
                env=os.environ | {"OMP_NUM_THREADS": str(self._threads)},
            )
        harness = Harness(process, Connection(ours.detach()))
        harness.send(self._runner.spec)
        self._introduce(harness)
        self._harnesses.append(harness)
        return harness

    def _lost(self, harness: Harness) -> None:
        """Have another process do again what one was at when it ended."""
        self._harnesses.remove(harness)
        harness.channel.close()
        code, job = harness.process.wait(), harness.job
        if self._abandoned:
            return
        if job is not None and self._begun[job] < TRIES:
            logging.getLogger(__name__).warning("a process that scores ended with %d", code)
            self._open.appendleft(job)
        elif job is not None:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            log = self._runner.spec.log
            self._runner.fail(job, f"the process that scores it was ended {how}, twice; see {log}")
        if not self._harnesses and (self._open or self._held):
            self._hand_out(self._start())


def _answer(
    engine: Encoder | Generator, harness: Harness, ask: Ask, prepared: Prepared | None
) -> None:
    """Answer a call."""
    started = time.perf_counter()
    news = _News(harness, ask.number)
    try:
        result = _call(engine, ask, prepared, news.add)
    except Exception as error:  # noqa: BLE001 - it ends the job, not the engine
        harness.send(Failure(ask.number, _portable(error)))
    else:
        news.tell()
        harness.send(Answer(ask.number, result, time.perf_counter() - started))


def _call(
    engine: Encoder | Generator, ask: Ask, prepared: Prepared | None, news: Callable[..., None]
) -> Any:
    if prepared is not None:
        assert isinstance(engine, BatchedEncoder)
        return engine.embed(prepared, news)
    if isinstance(engine, Encoder):
        texts, prefix = ask.arguments
        return engine.encode(texts, prefix, news)
    if ask.kind == "score":
        return engine.score(*ask.arguments)
    (requests,) = ask.arguments
    return engine.generate(requests, news)


class _News:
    """Collects what is done of a call, so that not each item is a message."""

    def __init__(self, harness: Harness, number: int) -> None:
        self._harness = harness
        self._number = number
        self._items: list[tuple[Any, ...]] = []
        self._told = time.monotonic()

    def add(self, *item: Any) -> None:
        self._items.append(item)
        if time.monotonic() - self._told >= SECONDS_BETWEEN_NEWS:
            self.tell()

    def tell(self) -> None:
        if self._items:
            self._harness.send(Part(self._number, self._items))
        self._items = []
        self._told = time.monotonic()


def _portable(error: Exception) -> EvalsuiteError:
    """An error that another process can raise; what is no error of ours goes to the log too."""
    if isinstance(error, EvalsuiteError):
        return error
    logging.getLogger(__name__).error("%s", "".join(traceback.format_exception(error)))
    return EngineError(f"{type(error).__name__}: {error}", "the engine's log says where")
