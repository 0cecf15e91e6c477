"""Keeps an engine busy that works at many requests together, for several calls at a time.

At the end of a call few requests are left, and an engine that has nothing else runs nearly empty.
So the scheduler fills the room that the earliest call leaves with requests of the next call.
"""

from __future__ import annotations

import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import count
from typing import Any, Final, Generic, Protocol, TypeVar

from evalsuite.engines.cuda.lost import raise_if_lost

Result = TypeVar("Result")
LATE_STEPS: Final = 2
"""Steps after which requests that were forgotten beside others no longer show."""

Rank = tuple[int, ...]
"""Order of the calls: requests of the smallest rank are given to the engine first."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One request as an engine takes it."""

    prompt: tuple[int, ...]
    settings: Any
    group: str | None = None
    """A pass reads only what passes of its group have left of a shared beginning."""


class Stepping(Protocol):
    """An engine that works in steps, as vLLM does."""

    def add(self, name: str, one: Pass) -> None:
        """Take a request. An error that it raises is due to this request alone."""

    def step(self) -> Iterable[tuple[str, Any]]:
        """Do some work; return names and answers of the requests that have ended.

        An error that it raises may be due to any of the requests.
        """

    def abort(self, names: Sequence[str]) -> None:
        """Forget requests that have not ended."""

    def settle(self) -> None:
        """End what still runs for requests that were forgotten; called when no other is inside."""


@dataclass(eq=False, slots=True)
class OngoingCall(Generic[Result]):
    """A call that an engine works at."""

    passes: InitVar[int]
    """Number of passes."""
    build: Callable[[int], Pass]
    """Makes one of them, when there is room for it."""
    on_answer: Callable[[int, Any], None]
    """Called with each pass's index and answer; may put further passes into ``waiting``."""
    collect: Callable[[], list[Result]]
    """Makes the call's result, once all passes are answered."""
    rank: Rank = ()
    seconds: float = field(default=0.0, init=False)
    """The engine's time: of each step the share of this call's requests."""
    waiting: deque[int] = field(init=False)
    """Passes that the engine does not have yet."""
    inside: dict[str, int] = field(default_factory=dict, init=False)
    """Name of a request in the engine → its pass."""
    alone: bool = field(default=False, init=False)
    """Whether this call must run without others beside it."""
    error: Exception | None = field(default=None, init=False)

    def __post_init__(self, passes: int) -> None:
        self.waiting = deque(range(passes))

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.waiting or self.inside)

    def result(self) -> list[Result]:
        """The call's result; raises the error that ended it."""
        if self.error is not None:
            raise self.error
        return self.collect()


class CallScheduler:
    """Keeps an engine filled with the requests of the earliest calls.

    If the engine fails while it has requests of several calls, they are run again one call after
    the other. Only a call that makes the engine fail by itself ends with the error. An engine may
    be a batch late, so that an error is that of requests which were forgotten before: then too the
    calls are run again.

    Args:
        engine: The engine.
        size: Requests that the engine has at a time, including those that wait inside it.
    """

    def __init__(self, engine: Stepping, size: int) -> None:
        self._engine = engine
        self._size = size
        self._calls: list[OngoingCall[Any]] = []
        self._owners: dict[str, OngoingCall[Any]] = {}
        self._names = count()
        self._late = 0

    def open(self, call: OngoingCall[Any]) -> None:
        """Begin a call; each :meth:`step` works at it."""
        if not call.done:
            insort(self._calls, call, key=lambda one: one.rank)

    def finish(self, call: OngoingCall[Result]) -> list[Result]:
        """Work until a call is done that was opened, and return its result."""
        try:
            while not call.done:
                self.step()
        finally:
            self.cancel(call)
        return call.result()

    def cancel(self, call: OngoingCall[Any]) -> None:
        """Give up a call; does nothing if it is done."""
        self._withdraw([call])
        call.waiting.clear()
        self._close(call)

    def step(self) -> None:
        """Fill the engine, and let it do one step."""
        self._fill()
        if not self._owners:
            return
        started = time.perf_counter()
        try:
            ended = self._engine.step()
        except Exception as error:  # noqa: BLE001 - it ends a call, not the engine
            raise_if_lost(error)
            self._failed(error)
            return
        self._late = max(0, self._late - 1)
        each = (time.perf_counter() - started) / len(self._owners)
        for call in self._calls:
            call.seconds += each * len(call.inside)
        answers = [(self._owners.pop(name), name, answer) for name, answer in ended]
        for call, index, answer in [(call, call.inside.pop(n), a) for call, n, a in answers]:
            if call.error is None:
                try:
                    call.on_answer(index, answer)
                except Exception as error:  # noqa: BLE001 - likewise
                    self._fail(call, error)
        # Not before: any of a call's answers may make further passes necessary.
        for call, *_ in answers:
            if call.done:
                self._close(call)

    def _fill(self) -> None:
        alone = [call for call in self._calls if call.alone]
        for call in alone[:1] or list(self._calls):
            try:
                while call.waiting and len(self._owners) < self._size:
                    self._add(call, call.waiting.popleft())
            except Exception as error:  # noqa: BLE001 - likewise
                raise_if_lost(error)
                self._fail(call, error)

    def _add(self, call: OngoingCall[Any], index: int) -> None:
        name = str(next(self._names))
        self._engine.add(name, call.build(index))
        self._owners[name] = call
        call.inside[name] = index

    def _failed(self, error: Exception) -> None:
        concerned = [call for call in self._calls if call.inside]
        if len(concerned) == 1 and not self._late:
            self._fail(concerned[0], error)
            return
        for call in concerned:
            call.alone = True
            call.waiting.extendleft(sorted(call.inside.values(), reverse=True))
        self._withdraw(concerned)

    def _fail(self, call: OngoingCall[Any], error: Exception) -> None:
        call.error = error
        self.cancel(call)

    def _withdraw(self, calls: Iterable[OngoingCall[Any]]) -> None:
        names = [name for call in calls for name in call.inside]
        if names:
            self._engine.abort(names)
        for name in names:
            self._owners.pop(name).inside.pop(name)
        if names and self._owners:
            self._late = LATE_STEPS
        elif names:
            self._engine.settle()
            self._late = 0

    def _close(self, call: OngoingCall[Any]) -> None:
        if call in self._calls:
            self._calls.remove(call)
