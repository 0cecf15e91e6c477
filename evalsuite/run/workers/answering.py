"""Answering the calls of other processes with this one's engine."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from queue import PriorityQueue
from typing import Any

from evalsuite.engines.batched_encoder import BatchedEncoder, PreparedTexts
from evalsuite.engines.call_scheduler import OngoingCall
from evalsuite.engines.cuda.lost import raise_if_lost
from evalsuite.engines.protocols import Encoder, Generator, SharedGenerator
from evalsuite.engines.remote import Ask, CallResult, Failure, PartialResult
from evalsuite.errors import EngineError, EvalsuiteError
from evalsuite.run.workers.events import EngineBusy, Event
from evalsuite.run.workers.warm import Copy

SECONDS_BETWEEN_PARTS = 0.2
"""How often the finished part of a call is sent."""


@dataclass(slots=True)
class HarnessProcess:
    """A process that runs the harness of one job at a time."""

    process: Copy
    channel: Connection
    job: str | None = None
    """The job that it does now."""
    gone: bool = False
    """Whether it has ended."""
    sending: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Any) -> None:
        """Send a message, unless the process has ended."""
        with self.sending:
            try:
                self.channel.send(message)
            except OSError:
                return


@dataclass(order=True, slots=True)
class Call:
    """A call that waits for the engine; the order in which calls are answered."""

    place: int
    """Of its job in the worker's list."""
    arrival: int
    job: str = field(compare=False, default="")
    harness: HarnessProcess | None = field(compare=False, default=None)
    ask: Ask | None = field(compare=False, default=None)
    """``None``: all jobs are done."""
    prepared: PreparedTexts | None = field(compare=False, default=None)


Calls = PriorityQueue[Call]
Emit = Callable[[Event], None]


def answer_in_turn(engine: Encoder | Generator, calls: Calls, emit: Emit) -> None:
    """Answer one call after the other, those of the earliest job first."""
    served = None
    while (call := calls.get()).ask is not None:
        assert call.harness is not None
        if call.job != served:
            served = call.job
            emit(EngineBusy(job=served))
        if not call.harness.gone:
            _answer(engine, call.harness, call.ask, call.prepared)


def answer_together(engine: SharedGenerator, calls: Calls, emit: Emit) -> None:
    """Work at all waiting calls at once; room that the earliest job leaves goes to the next."""
    begun: list[_Begun] = []
    reported: list[str] = []
    while True:
        while not (begun and calls.empty()):
            call = calls.get()
            if call.ask is None:
                for one in begun:
                    engine.cancel(one.ongoing)
                return
            if new := _begin(engine, call):
                begun.append(new)
        for one in [one for one in begun if one.harness.gone]:
            engine.cancel(one.ongoing)
            begun.remove(one)
        jobs = list(dict.fromkeys(one.job for one in sorted(begun, key=lambda one: one.place)))
        if jobs and jobs != reported:
            reported = jobs
            emit(EngineBusy(job=jobs[0], beside=tuple(jobs[1:])))
        engine.step()
        for one in begun:
            one.send()
        begun = [one for one in begun if not one.ongoing.done]


@dataclass(eq=False, slots=True)
class _Begun:
    """A call that is being answered beside others."""

    place: int
    job: str
    harness: HarnessProcess
    number: int
    ongoing: OngoingCall[Any]
    finished: _FinishedItems

    def send(self) -> None:
        """Send what is finished of the call."""
        if not self.ongoing.done:
            self.finished.send_in_time()
            return
        try:
            result = self.ongoing.result()
        except Exception as error:  # noqa: BLE001 - it ends the job, not the engine
            raise_if_lost(error)
            self.harness.send(Failure(self.number, portable(error)))
        else:
            self.finished.send()
            self.harness.send(CallResult(self.number, result, self.ongoing.seconds))


def _begin(engine: SharedGenerator, call: Call) -> _Begun | None:
    assert call.harness is not None
    assert call.ask is not None
    if call.harness.gone:
        return None
    (requests,), rank = call.ask.arguments, (call.place, call.arrival)
    finished = _FinishedItems(call.harness, call.ask.number)
    try:
        ongoing: OngoingCall[Any] = (
            engine.start_scoring(requests, rank)
            if call.ask.kind == "score"
            else engine.start_generating(requests, finished.add, rank)
        )
    except Exception as error:  # noqa: BLE001 - it ends the job, not the engine
        raise_if_lost(error)
        call.harness.send(Failure(call.ask.number, portable(error)))
        return None
    return _Begun(call.place, call.job, call.harness, call.ask.number, ongoing, finished)


def _answer(
    engine: Encoder | Generator, harness: HarnessProcess, ask: Ask, prepared: PreparedTexts | None
) -> None:
    """Answer a call."""
    started = time.perf_counter()
    finished = _FinishedItems(harness, ask.number)
    try:
        result = _call(engine, ask, prepared, finished.add)
    except Exception as error:  # noqa: BLE001 - it ends the job, not the engine
        raise_if_lost(error)
        harness.send(Failure(ask.number, portable(error)))
    else:
        finished.send()
        tokens = sum(prepared.lengths) if prepared is not None else 0
        harness.send(CallResult(ask.number, result, time.perf_counter() - started, tokens))


def _call(
    engine: Encoder | Generator,
    ask: Ask,
    prepared: PreparedTexts | None,
    finished: Callable[..., None],
) -> Any:
    if prepared is not None:
        assert isinstance(engine, BatchedEncoder)
        return engine.embed(prepared, finished)
    if isinstance(engine, Encoder):
        texts, prefix = ask.arguments
        return engine.encode(texts, prefix, finished)
    if ask.kind == "score":
        return engine.score(*ask.arguments)
    (requests,) = ask.arguments
    return engine.generate(requests, finished)


class _FinishedItems:
    """Collects finished items of a call, so that not every item is a message of its own."""

    def __init__(self, harness: HarnessProcess, number: int) -> None:
        self._harness = harness
        self._number = number
        self._items: list[tuple[Any, ...]] = []
        self._sent = time.monotonic()

    def add(self, *item: Any) -> None:
        self._items.append(item)
        self.send_in_time()

    def send_in_time(self) -> None:
        if time.monotonic() - self._sent >= SECONDS_BETWEEN_PARTS:
            self.send()

    def send(self) -> None:
        if self._items:
            self._harness.send(PartialResult(self._number, self._items))
        self._items = []
        self._sent = time.monotonic()


def portable(error: Exception) -> EvalsuiteError:
    """An error that another process can raise; unexpected ones are written to the log as well."""
    if isinstance(error, EvalsuiteError):
        return error
    logging.getLogger(__name__).error("%s", "".join(traceback.format_exception(error)))
    return EngineError(f"{type(error).__name__}: {error}", "the engine's log says where")
