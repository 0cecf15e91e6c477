"""The loop of a watcher: look, evaluate the next checkpoint, tell, until there is an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evalsuite.watch.models import Clock, Held, Outcome, Pace
from evalsuite.watch.queue import Queue


@dataclass(frozen=True, slots=True)
class Ends:
    """When a watch ends."""

    once: bool = False
    """Once all that is there has been evaluated."""
    until: int | None = None
    """Once this step, or a later one, is there and all up to it are evaluated."""
    timeout: float | None = None
    """After so many seconds without a change in the folder."""
    ended: Callable[[], bool] = lambda: False
    """As ``once``, as soon as this says that the training has ended."""

    def why(self, queue: Queue, now: float) -> str | None:
        """Why the watch ends now; ``None`` if it goes on."""
        if queue.waiting or queue.unsettled:
            return None
        if self.once:
            return "all that is there is evaluated"
        if queue.in_writing:
            return None
        if self.until is not None and queue.highest >= self.until:
            return f"step {self.until} is reached"
        if self.ended():
            return "the training has ended"
        if self.timeout is not None and now - queue.last_change >= self.timeout:
            return f"nothing new for {self.timeout:g} s"
        return None


def follow(
    queue: Queue,
    judge: Callable[[Held], Outcome | None],
    tell: Callable[[Outcome], None],
    ends: Ends,
    clock: Clock,
    pace: Pace,
) -> str:
    """Evaluate checkpoints as they come, in the order of their steps.

    Args:
        queue: Finds and holds them.
        judge: Evaluates one; ``None`` if it turned out to have changed.
        tell: Is given each outcome, at least once, whenever the watcher is killed.
        ends: When to end.
        clock: Tells the time.
        pace: How often to look.

    Returns:
        Why it ended.
    """
    for earlier in queue.outcomes:  # of a watcher that may have been killed before it told
        _tell(earlier, queue, tell)
    while True:
        queue.look()
        held = queue.next()
        if held is not None:
            with looking(queue, pace):
                outcome = judge(held)
            if outcome is None:
                queue.give_up(held)
            else:
                _tell(queue.settle(outcome), queue, tell)
        elif why := ends.why(queue, clock.now()):
            return why
        else:
            clock.wait(pace.poll)


def _tell(outcome: Outcome, queue: Queue, tell: Callable[[Outcome], None]) -> None:
    if outcome.told:
        return
    tell(outcome)
    queue.settle(outcome.model_copy(update={"told": True}))


@contextmanager
def looking(queue: Queue, pace: Pace) -> Iterator[None]:
    """Look for checkpoints beside what is done inside: a trainer may soon delete them."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(pace.poll):
            queue.look()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
