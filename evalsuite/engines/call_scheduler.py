"""Several calls at an engine that works at many requests together.

At the end of a call few requests are left, and an engine that has nothing else runs nearly empty.
So the room that the earliest call leaves is filled from the next one.
"""

from __future__ import annotations

import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

Result = TypeVar("Result")
Rank = tuple[int, ...]
"""Place among the calls: the smallest is the earliest."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One request as an engine takes it."""

    prompt: tuple[int, ...]
    settings: Any


class Stepping(Protocol):
    """An engine that goes on step by step."""

    def add(self, name: str, one: Pass) -> None:
        """Take a request. An error concerns no other."""

    def step(self) -> Iterable[tuple[str, Any]]:
        """Work at what there is; the names and answers of the requests that have ended.

        An error may be due to any of them.
        """

    def abort(self, names: Sequence[str]) -> None:
        """Forget requests that have not ended."""


@dataclass(eq=False, slots=True)
class OngoingCall(Generic[Result]):
    """A call that an engine works at."""

    passes: InitVar[int]
    """Number of passes."""
    build: Callable[[int], Pass]
    """Makes one of them, when there is room for it."""
    heard: Callable[[int, Any], None]
    """Told of each answer, with the pass's index; may put further passes into ``waiting``."""
    together: Callable[[], list[Result]]
    """Puts the answers together, once all are there."""
    rank: Rank = ()
    """Place among the calls."""
    seconds: float = field(default=0.0, init=False)
    """The engine's time, in each step shared by number of requests."""
    waiting: deque[int] = field(init=False)
    """Passes that the engine does not hold yet."""
    inside: dict[str, int] = field(default_factory=dict, init=False)
    """Those that it holds, by their names there."""
    alone: bool = field(default=False, init=False)
    """Whether no other call may be worked at beside this one."""
    error: Exception | None = field(default=None, init=False)

    def __post_init__(self, passes: int) -> None:
        self.waiting = deque(range(passes))

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.waiting or self.inside)

    def result(self) -> list[Result]:
        """What the call gives, or the error that ended it."""
        if self.error is not None:
            raise self.error
        return self.together()


class CallScheduler:
    """Keeps an engine filled with the requests of the earliest calls.

    Where the engine fails with requests of several calls, these are run again one call after the
    other: only the call that makes it fail by itself has failed.

    Args:
        engine: The engine.
        size: Requests that it holds at a time, those that wait inside it included.
    """

    def __init__(self, engine: Stepping, size: int) -> None:
        self._engine = engine
        self._size = size
        self._calls: list[OngoingCall[Any]] = []
        self._owners: dict[str, OngoingCall[Any]] = {}
        self._names = count()

    def open(self, call: OngoingCall[Any]) -> None:
        """Begin a call; it goes on with each :meth:`step`."""
        if not call.done:
            insort(self._calls, call, key=lambda one: one.rank)

    def finish(self, call: OngoingCall[Result]) -> list[Result]:
        """Work until a call that was opened is done; what it gives."""
        try:
            while not call.done:
                self.step()
        finally:
            self.cancel(call)
        return call.result()

    def cancel(self, call: OngoingCall[Any]) -> None:
        """Give a call up; nothing, if it is done."""
        self._withdraw([call])
        call.waiting.clear()
        self._close(call)

    def step(self) -> None:
        """Fill the engine, and let it work."""
        self._fill()
        if not self._owners:
            return
        started = time.perf_counter()
        try:
            ended = self._engine.step()
        except Exception as error:  # noqa: BLE001 - it ends a call, not the engine
            self._failed(error)
            return
        each = (time.perf_counter() - started) / len(self._owners)
        for call in self._calls:
            call.seconds += each * len(call.inside)
        answers = [(self._owners.pop(name), name, answer) for name, answer in ended]
        for call, index, answer in [(call, call.inside.pop(n), a) for call, n, a in answers]:
            if call.error is None:
                try:
                    call.heard(index, answer)
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
                self._fail(call, error)

    def _add(self, call: OngoingCall[Any], index: int) -> None:
        name = str(next(self._names))
        self._engine.add(name, call.build(index))
        self._owners[name] = call
        call.inside[name] = index

    def _failed(self, error: Exception) -> None:
        concerned = [call for call in self._calls if call.inside]
        if len(concerned) == 1:
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

    def _close(self, call: OngoingCall[Any]) -> None:
        if call in self._calls:
            self._calls.remove(call)
