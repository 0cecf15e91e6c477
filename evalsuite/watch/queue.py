"""The checkpoints that wait to be evaluated: found, complete, held, and in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evalsuite.errors import EvalsuiteError
from evalsuite.watch.discovery import Found, find
from evalsuite.watch.files import Stamps, hold, holds, key_of, release, stamps, why_incomplete
from evalsuite.watch.models import Clock, Held, Outcome, Pace, Wanted
from evalsuite.watch.state import State

HOLDS: Final = "held"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A checkpoint that is not held yet."""

    found: Found
    stamps: Stamps
    since: float
    """When the files were first seen as they are."""
    why: str | None
    """Why it is not complete; ``None`` if only its quiet is waited for."""


class Queue:
    """Finds checkpoints and holds them, so that none is lost while another is evaluated.

    :meth:`look` may be called from another thread than the rest.

    Args:
        folder: The training's output folder.
        place: Where state and holds are kept.
        wanted: Which checkpoints are evaluated.
        clock: Tells the time.
        pace: When files count as complete.
        note: Is given a line about what a person should know.
        allow_pickle: Whether pickle weights are accepted.
    """

    def __init__(
        self,
        folder: Path,
        place: Path,
        wanted: Wanted,
        clock: Clock,
        pace: Pace,
        note: Callable[[str], None],
        *,
        allow_pickle: bool = False,
    ) -> None:
        self._folder, self._room = folder, place / HOLDS
        self._wanted, self._clock, self._pace, self._note = wanted, clock, pace, note
        self._allow_pickle = allow_pickle
        self._state = State(place, folder)
        self._lock = threading.RLock()
        self._seen: dict[Path, _Seen] = {}
        self._noted: set[str] = set()
        self.last_change = clock.now()
        """When a file of a checkpoint was last seen to change."""
        self.highest = max((one.step for one in self.outcomes), default=-1)
        """The highest step seen so far."""
        self._room.mkdir(parents=True, exist_ok=True)
        for left in self._room.iterdir():  # of a watcher that was killed
            key = left.name.removeprefix(".")
            if left.name.startswith(".") or key in self._state:
                release(key, self._room)
        self._waiting = {held.key: held for held in holds(self._room)}

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What became of the checkpoints so far, in the order in which they were evaluated."""
        return self._state.outcomes

    @property
    def waiting(self) -> list[Held]:
        """The checkpoints that are held and not evaluated yet, by step."""
        with self._lock:
            return sorted(self._waiting.values(), key=lambda held: (held.step, held.name))

    @property
    def unsettled(self) -> bool:
        """Whether a checkpoint is complete and will be held if it does not change any more."""
        with self._lock:
            return any(one.why is None for one in self._seen.values())

    @property
    def in_writing(self) -> list[int]:
        """Steps of the incomplete checkpoints that have changed lately."""
        with self._lock:
            since = self._clock.now() - self._pace.old
            return sorted(one.found.step for one in self._seen.values() if one.since > since)

    @property
    def incomplete(self) -> list[str]:
        """Why checkpoints that are there are not evaluated, a line each."""
        with self._lock:
            return [one.why for one in self._seen.values() if one.why is not None]

    def look(self) -> None:
        """Look for checkpoints, and hold those that are complete. What fails is noted."""
        with self._lock:
            try:
                self._look()
            except (EvalsuiteError, OSError) as error:
                self._note_once(f"cannot hold a checkpoint: {error}; it is tried again")

    def next(self) -> Held | None:
        """The checkpoint to evaluate; ``None`` if none is held, or an earlier one is in writing."""
        with self._lock:
            waiting = self.waiting
            if not waiting:
                return None
            if self._wanted.latest:
                for passed in waiting[:-1]:
                    line = f"skipped: {waiting[-1].name} is newer (--latest)"
                    self._note(f"{passed.name}: {line}")
                    self.settle(outcome_of(passed, "skipped", line=line, told=True))
                return waiting[-1]
            first = waiting[0]
            return None if any(step < first.step for step in self.in_writing) else first

    def settle(self, outcome: Outcome) -> Outcome:
        """Remember what became of a checkpoint, and release it.

        Returns:
            The outcome as it is remembered.
        """
        with self._lock:
            kept = self._state.put(outcome)
            self._waiting.pop(outcome.key, None)
            release(outcome.key, self._room)
            return kept

    def intact(self, held: Held) -> bool:
        """Whether a held checkpoint is still as it was: a trainer may write into linked files."""
        try:
            return (
                key_of(Found(held.path, held.path, held.step), stamps(held.copy_path)) == held.key
            )
        except OSError:
            return False

    def give_up(self, held: Held) -> None:
        """Release a checkpoint without an outcome: it changed, and will be found anew."""
        with self._lock:
            self._waiting.pop(held.key, None)
            release(held.key, self._room)

    def _look(self) -> None:
        found = find(self._folder)
        self._seen = {
            path: one for path, one in self._seen.items() if path in {f.path for f in found}
        }
        for one in found:
            self.highest = max(self.highest, one.step)
            if self._wanted.takes(one.step):
                self._look_at(one)

    def _look_at(self, found: Found) -> None:
        now = self._clock.now()
        try:
            seen = stamps(found.model)
            written = max([found.model.stat().st_mtime, *(at / 1e9 for _, at in seen.values())])
        except OSError:  # deleted meanwhile
            return
        if (key := key_of(found, seen)) in self._state or key in self._waiting:
            self._seen.pop(found.path, None)
            return
        before = self._seen.get(found.path)
        unchanged = before is not None and before.stamps == seen
        if not unchanged:
            self.last_change = now
        since = before.since if unchanged and before else self._since(written, now)
        why = why_incomplete(found, allow_pickle=self._allow_pickle)
        self._seen[found.path] = _Seen(found, seen, since, why)
        if why is not None:
            if now - since >= self._pace.old:
                self._note_once(f"{found.name} is not evaluated: {why}")
        elif now - since >= self._pace.quiet:
            self._hold(found, seen)

    def _since(self, written: float, now: float) -> float:
        """Since when files have been as they are that were last written at ``written``.

        The clock of a file server may differ by seconds, so its time stamps count only for files
        that are old.
        """
        return written if written < now - self._pace.old else now

    def _hold(self, found: Found, seen: Stamps) -> None:
        held = hold(found, seen, self._room)
        if held is None:
            return
        self._seen.pop(found.path, None)
        self._waiting[held.key] = held
        done = [one.step for one in self.outcomes if one.result == "evaluated"]
        if done and held.step < max(done):
            self._note(f"{held.name}: step {held.step} comes after step {max(done)}; evaluated too")

    def _note_once(self, line: str) -> None:
        if line not in self._noted:
            self._noted.add(line)
            self._note(line)


def outcome_of(held: Held, result: str, **facts: object) -> Outcome:
    """An outcome of a held checkpoint."""
    same = {name: getattr(held, name) for name in ("key", "path", "name", "step")}
    return Outcome.model_validate({**same, "result": result, **facts})
