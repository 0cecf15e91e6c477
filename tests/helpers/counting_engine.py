"""A generator that works at several calls together, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalsuite.engines.call_scheduler import CallScheduler, OngoingCall, Pass, Rank, Result
from evalsuite.engines.protocols import Completion, Ended, GenerationRequest, Score, ScoreRequest
from evalsuite.errors import EngineError


@dataclass
class Counting:
    """A generator that needs ``max_tokens`` steps for an answer, and one for a score."""

    then: Callable[[int], None] = lambda _: None
    """Called before each step with its number."""
    version: str = "counting 1"
    max_length: int = 64
    wave: int = 8
    size: int = 8
    steps: list[list[int]] = field(default_factory=list)
    """First tokens of the prompts inside, a list a step."""
    opened: list[Rank] = field(default_factory=list)
    """Ranks of the calls, as they began."""

    def __post_init__(self) -> None:
        self._inside: dict[str, list[int]] = {}
        self._scheduler = CallScheduler(self.Engine(self), self.size)

    @dataclass
    class Engine:
        """What the window drives."""

        of: Counting

        def add(self, name: str, one: Pass) -> None:
            self.of._inside[name] = [one.prompt[0], one.settings]

        def step(self) -> list[tuple[str, int]]:
            inside = self.of._inside
            self.of.then(len(self.of.steps))
            self.of.steps.append(sorted(first for first, _ in inside.values()))
            if any(first == 13 for first, _ in inside.values()):
                raise EngineError("thirteen")
            for left in inside.values():
                left[1] -= 1
            ended = {name: left[0] for name, left in inside.items() if left[1] == 0}
            for name in ended:
                del inside[name]
            return list(ended.items())

        def settle(self) -> None:
            """Nothing is left over: a step answers what it began."""

        def abort(self, names: Sequence[str]) -> None:
            for name in names:
                del self.of._inside[name]

    def start_generating(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None, rank: Rank = ()
    ) -> OngoingCall[Completion]:
        if any(request.prompt_ids[0] < 0 for request in requests):
            raise EngineError("bad ids")
        found: dict[int, Completion] = {}

        def on_answer(index: int, answer: int) -> None:
            found[index] = Completion(str(answer), 1, "stop")
            assert ended is not None
            ended(index, found[index])

        return self._open(
            OngoingCall(
                len(requests),
                lambda index: Pass(requests[index].prompt_ids, requests[index].max_tokens),
                on_answer,
                lambda: [found[index] for index in range(len(requests))],
                rank,
            )
        )

    def start_scoring(
        self, requests: Sequence[ScoreRequest], rank: Rank = ()
    ) -> OngoingCall[Score]:
        found: dict[int, Score] = {}

        def on_answer(index: int, answer: int) -> None:
            found[index] = Score(float(-answer), greedy=True)

        return self._open(
            OngoingCall(
                len(requests),
                lambda index: Pass(requests[index].context_ids, 1),
                on_answer,
                lambda: [found[index] for index in range(len(requests))],
                rank,
            )
        )

    def _open(self, call: OngoingCall[Result]) -> OngoingCall[Result]:
        self.opened.append(call.rank)
        self._scheduler.open(call)
        return call

    def step(self) -> None:
        self._scheduler.step()

    def cancel(self, call: OngoingCall[Any]) -> None:
        self._scheduler.cancel(call)

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        call = self.start_generating(requests, ended)
        while not call.done:
            self.step()
        return call.result()

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing."""
