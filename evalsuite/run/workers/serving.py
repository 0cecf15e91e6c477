"""The engine's side of the processes that do jobs.

They are copies of one warm process (:mod:`evalsuite.run.workers.warm`), which imports the harness
while the engine loads. One thread receives their messages: it passes events on, hands out jobs, and
tokenises texts; the thread that has the engine answers their calls
(:mod:`evalsuite.run.workers.answering`).
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Sequence
from itertools import count
from multiprocessing.connection import Connection, wait
from queue import PriorityQueue
from typing import Any

from evalsuite.engines.batched_encoder import BatchedEncoder
from evalsuite.engines.protocols import Detailed, Encoder, Generator, SharedGenerator
from evalsuite.engines.remote import Ask, CallResult, Failure
from evalsuite.kinds.table import kind_of
from evalsuite.run.workers.answering import (
    Call,
    Calls,
    HarnessProcess,
    answer_in_turn,
    answer_together,
    portable,
)
from evalsuite.run.workers.copying import copy_this
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.process import processors
from evalsuite.run.workers.spec import Do, Free
from evalsuite.run.workers.warm import WarmProcess, WarmProcessGoneError

CORES_A_HARNESS = 4
"""Processors for which one more harness process is worth its memory."""

MOST = 8
"""Harness processes on a large machine: each holds its libraries in memory, and one engine does not
keep more of them busy."""

LEAST, LEAST_TOGETHER = 2, 3
"""HarnessProcess processes on a machine with few processors. Where the engine works for all of them
together, one task can end and another wait while a third is scored or loaded."""

NICENESS = 5
"""The engine comes first where there are fewer processors than processes."""

TRIES = 2
"""How often a job is begun whose process ends within it."""


class Serving:
    """Has jobs done by other processes, with an engine of this one.

    The first process is started at once, and each further one when the one before has asked the
    engine for something: while the engine loads, where calls can be prepared without it.

    Args:
        runner: Has the list of jobs; stores the failure of what no process could do.
        keys: The jobs, in order.
        warm: Whether this process has imported all libraries and nothing else, so that a copy of
            it can be the warm process.
    """

    def __init__(self, runner: JobRunner, keys: Sequence[str], *, warm: bool = False) -> None:
        self._runner = runner
        self._open = deque(keys)
        self._held: deque[str] = deque()
        self._begun: Counter[str] = Counter()
        cores = processors()
        least = LEAST_TOGETHER if runner.spec.together else LEAST
        self._most = min(len(keys), max(least, min(MOST, cores // CORES_A_HARNESS)))
        self._threads = max(1, cores // self._most)
        self._harnesses: list[HarnessProcess] = []
        self._calls: Calls = PriorityQueue()
        self._arrivals = count()
        self._engine: Encoder | Generator | None = None
        self._loaded = threading.Event()
        self._defect: BaseException | None = None
        self._abandoned = False
        self._warm = (
            copy_this(self._environment(), self._threads, NICENESS) if warm else self._warm_up()
        )
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def serve(self, engine: Encoder | Generator) -> None:
        """Answer calls until all jobs are done."""
        self._engine = engine
        self._loaded.set()
        if self._runner.spec.together:
            assert isinstance(engine, SharedGenerator)
            answer_together(engine, self._calls, self._runner.emit)
        else:
            answer_in_turn(engine, self._calls, self._runner.emit)
        self._thread.join()
        self._warm.end()
        if self._defect is not None:
            raise self._defect

    def abandon(self) -> None:
        """End the processes: there will be no engine."""
        self._abandoned = True
        self._warm.end()

    # The methods below run in the thread that receives messages.

    def _receive(self) -> None:
        try:
            self._hand_out(self._start())
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
                        self._on_message(harness, message)
        except BaseException as error:  # noqa: BLE001 - raised again by the other thread
            self._defect = error
        finally:
            self._calls.put(Call(place=sys.maxsize, arrival=next(self._arrivals)))

    def _on_message(self, harness: HarnessProcess, message: Any) -> None:
        match message:
            case Ask():
                self._grow()
                self._asked(harness, message)
            case Free(held=held):
                if held and harness.job is not None:
                    self._held.append(harness.job)
                harness.job = None
                self._hand_out(harness)
                self._grow()
            case _:
                self._runner.emit(message)

    def _asked(self, harness: HarnessProcess, ask: Ask) -> None:
        """Make a call ready for the engine; what needs no model is answered here.

        Tokenizers cannot be used by two threads at once: this one alone does.
        """
        prepared = None
        if self._runner.spec.needs == "encoder" or ask.kind == "details":
            self._loaded.wait()
        engine = self._engine
        if ask.kind == "details":
            found: dict[str, str] = engine.details() if isinstance(engine, Detailed) else {}
            harness.send(CallResult(ask.number, found, 0.0))
            return
        if ask.kind == "render":
            assert isinstance(engine, Encoder)
            harness.send(CallResult(ask.number, engine.render(*ask.arguments), 0.0))
            return
        if isinstance(engine, BatchedEncoder) and engine.prepares_apart:
            try:
                prepared = engine.prepare(*ask.arguments)
            except Exception as error:  # noqa: BLE001 - it ends the job, not the engine
                harness.send(Failure(ask.number, portable(error)))
                return
        assert harness.job is not None
        place = self._runner.spec.position(harness.job)
        self._calls.put(Call(place, next(self._arrivals), harness.job, harness, ask, prepared))

    def _hand_out(self, harness: HarnessProcess) -> None:
        """Give a process its next job, or let it end."""
        waiting = not self._open
        jobs = self._held if waiting else self._open
        harness.job = jobs.popleft() if jobs else None
        if harness.job is None:
            harness.send(None)
            return
        self._begun[harness.job] += 1
        harness.send(Do(harness.job, waiting))

    def _grow(self) -> None:
        """Start one more process, once the one before has imported its libraries."""
        if self._open and len(self._harnesses) < self._most and not self._abandoned:
            self._hand_out(self._start())

    def _start(self) -> HarnessProcess:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = self._warm.copy("harness_process", [theirs.fileno()])
            except WarmProcessGoneError:
                if self._abandoned:
                    raise
                self._warm.end()
                self._warm = self._warm_up()
                process = self._warm.copy("harness_process", [theirs.fileno()])
        harness = HarnessProcess(process, Connection(ours.detach()))
        harness.send(self._runner.spec)
        self._harnesses.append(harness)
        return harness

    def _warm_up(self) -> WarmProcess:
        """Start a process that imports what the jobs need, to be copied."""
        kinds = {kind_of(job.task) for job in self._runner.spec.jobs}
        modules = sorted({name for kind in kinds for name in kind.imports})
        return WarmProcess.start(modules, self._environment(), niceness=NICENESS)

    def _environment(self) -> dict[str, str]:
        """What differs from this process's environment in those that do jobs."""
        threads = {"OMP_NUM_THREADS": str(self._threads), "CUDA_VISIBLE_DEVICES": ""}
        on_gpu = self._runner.spec.options.device == "cuda"
        # Set to true for this process, which never forks; a harness may.
        return threads | ({"TOKENIZERS_PARALLELISM": "false"} if on_gpu else {})

    def _lost(self, harness: HarnessProcess) -> None:
        """Give the job of a process that ended to another one."""
        harness.gone = True
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
