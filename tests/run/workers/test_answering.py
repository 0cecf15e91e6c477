"""Calls of several harness processes at one generator: a scripted engine, real queues."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import PriorityQueue
from typing import Any

import pytest

from evalsuite.engines.protocols import Completion, GenerationRequest, Score, ScoreRequest
from evalsuite.engines.remote import Ask, CallResult, Failure, PartialResult
from evalsuite.run.workers import answering
from evalsuite.run.workers.answering import Call, answer_in_turn, answer_together
from evalsuite.run.workers.events import EngineBusy
from helpers.counting_engine import Counting

END = Call(place=99, arrival=99)


@dataclass
class Channel:
    """A harness process as the engine's side sees it."""

    gone: bool = False
    said: list[Any] = field(default_factory=list)

    def send(self, message: Any) -> None:
        self.said.append(message)

    def last(self) -> Any:
        return self.said[-1]

    def parts(self) -> list[Any]:
        return [
            item
            for message in self.said
            if isinstance(message, PartialResult)
            for item in message.news
        ]


@pytest.fixture(autouse=True)
def news_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "SECONDS_BETWEEN_PARTS", 0.0)


def generating(job: int, channel: Channel, *prompts: tuple[int, int], number: int = 1) -> Call:
    requests = [GenerationRequest((first,), steps) for first, steps in prompts]
    return Call(job, job, str(job), channel, Ask(number, "generate", (requests,)))  # type: ignore[arg-type]


def scoring(job: int, channel: Channel, *firsts: int) -> Call:
    requests = [ScoreRequest((first,), (1,)) for first in firsts]
    return Call(job, job, str(job), channel, Ask(1, "score", (requests,)))  # type: ignore[arg-type]


def queue(*calls: Call) -> PriorityQueue[Call]:
    found: PriorityQueue[Call] = PriorityQueue()
    for call in calls:
        found.put(call)
    return found


def together(engine: Counting, calls: PriorityQueue[Call]) -> list[EngineBusy]:
    """Answer; the end is said once nothing is left to do, as by real processes."""
    told: list[Any] = []

    def then(step: int) -> None:
        before(step)
        if step == ENOUGH:
            calls.put(END)

    before, engine.then = engine.then, then
    # Steps go on only while there is something inside: one call outlasts all others.
    calls.put(generating(50, Channel(), (50, ENOUGH + 2)))
    answer_together(engine, calls, told.append)
    return told


ENOUGH = 20


def texts(channel: Channel) -> list[str]:
    answer = channel.last()
    assert isinstance(answer, CallResult)
    return [completion.text for completion in answer.result]


def test_calls_of_two_jobs_share_the_engine() -> None:
    engine, one, two = Counting(size=3), Channel(), Channel()
    calls = queue(scoring(2, two, 20, 21), generating(1, one, (10, 3), (11, 1), (12, 1)))
    told = together(engine, calls)
    assert engine.steps[:3] == [[10, 11, 12], [10, 20, 21], [10, 50]]
    assert texts(one) == ["10", "11", "12"]
    assert two.last().result == [Score(-20.0, greedy=True), Score(-21.0, greedy=True)]
    assert told[:3] == [
        EngineBusy(job="1", beside=("2", "50")),
        EngineBusy(job="1", beside=("50",)),
        EngineBusy(job="50"),
    ]


def test_answers_are_told_as_they_end() -> None:
    one = Channel()
    told_by_step: list[int] = []
    engine = Counting(then=lambda _: told_by_step.append(len(one.parts())))
    together(engine, queue(generating(1, one, (10, 5), (11, 2))))
    assert told_by_step[:6] == [0, 0, 1, 1, 1, 2]
    assert one.parts() == [(1, Completion("11", 1, "stop")), (0, Completion("10", 1, "stop"))]


def test_a_call_that_comes_later_joins() -> None:
    one, two = Channel(), Channel()
    calls = queue(generating(1, one, (10, 6)))

    def then(step: int) -> None:
        if step == 2:
            calls.put(generating(2, two, (20, 1)))

    engine = Counting(then=then)
    together(engine, calls)
    assert engine.steps[3] == [10, 20, 50]
    assert texts(two) == ["20"]


def test_what_is_not_valid_fails_its_call_alone() -> None:
    one, two = Channel(), Channel()
    engine = Counting()
    together(engine, queue(generating(1, one, (-1, 1)), generating(2, two, (20, 2))))
    assert isinstance(one.last(), Failure)
    assert one.last().error.message == "bad ids"
    assert texts(two) == ["20"]


def test_what_breaks_a_step_fails_its_call_alone() -> None:
    one, two = Channel(), Channel()
    engine = Counting()
    together(engine, queue(generating(1, one, (10, 3)), generating(2, two, (13, 1))))
    assert isinstance(two.last(), Failure)
    assert two.last().error.message == "thirteen"
    assert texts(one) == ["10"]
    assert engine.steps[0] == [10, 13, 50]
    assert engine.steps[1:6] == [[10], [10], [10], [13], [50]]


def test_requests_of_a_process_that_is_gone_leave_the_engine() -> None:
    one, two = Channel(), Channel()

    def then(step: int) -> None:
        if step == 1:
            one.gone = True

    engine = Counting(then=then)
    told = together(engine, queue(generating(1, one, (10, 9)), generating(2, two, (20, 4))))
    assert engine.steps[1] == [10, 20, 50]
    assert engine.steps[2] == [20, 50]
    assert one.said == []
    assert texts(two) == ["20"]
    assert EngineBusy(job="2", beside=("50",)) in told


def test_in_turn_nothing_shares_the_engine() -> None:
    engine, one, two = Counting(), Channel(), Channel()
    told: list[Any] = []
    calls = queue(generating(2, two, (20, 1)), generating(1, one, (10, 2)), END)
    answer_in_turn(engine, calls, told.append)
    assert engine.steps == [[10], [10], [20]]
    assert (texts(one), texts(two)) == (["10"], ["20"])
    assert told == [EngineBusy(job="1"), EngineBusy(job="2")]
