"""Several calls in one engine: whose requests enter, and who fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from evalsuite.engines.call_scheduler import CallScheduler, OngoingCall, Pass
from evalsuite.engines.cuda.lost import DeviceLost


@dataclass
class Script:
    """An engine that answers a prompt ``(label, steps)`` after that many steps."""

    bad: int | None = None
    """Label of a prompt with which no step works."""
    refused: int | None = None
    """Label of a prompt that is not taken."""
    inside: dict[str, list[int]] = field(default_factory=dict)
    added: list[int] = field(default_factory=list)
    """Labels, in the order in which they came."""
    together: list[set[int]] = field(default_factory=list)
    """Labels of each step."""

    def add(self, name: str, one: Pass) -> None:
        if one.prompt[0] == self.refused:
            raise ValueError("too long")
        assert name not in self.inside
        self.inside[name] = list(one.prompt)
        self.added.append(one.prompt[0])

    def step(self) -> Iterable[tuple[str, int]]:
        assert self.inside
        labels = {label for label, _ in self.inside.values()}
        if self.bad in labels:
            raise RuntimeError("NaN")
        self.together.append(labels)
        for left in self.inside.values():
            left[1] -= 1
        ended = {name: left[0] for name, left in self.inside.items() if left[1] <= 0}
        for name in ended:
            del self.inside[name]
        return list(ended.items())

    def abort(self, names: Sequence[str]) -> None:
        for name in names:
            del self.inside[name]

    def settle(self) -> None:
        assert not self.inside


def call(rank: int, *prompts: tuple[int, int], broken: int | None = None) -> OngoingCall[int]:
    answers: dict[int, int] = {}

    def on_answer(index: int, answer: int) -> None:
        if answer == broken:
            raise ArithmeticError("no number")
        answers[index] = answer

    return OngoingCall(
        len(prompts),
        lambda index: Pass(prompts[index], None),
        on_answer,
        lambda: [answers[index] for index in range(len(prompts))],
        (rank,),
    )


def run(scheduler: CallScheduler, *calls: OngoingCall[int]) -> None:
    for one in calls:
        scheduler.open(one)
    for _ in range(100):
        if all(one.done for one in calls):
            return
        scheduler.step()
    raise AssertionError("it does not end")


def test_the_room_that_the_earliest_leaves_is_filled_from_the_next() -> None:
    engine = Script()
    late = call(2, (20, 1), (21, 1))
    early = call(1, (10, 5), (11, 1), (12, 1))
    run(CallScheduler(engine, 2), late, early)
    assert engine.added == [10, 11, 12, 20, 21]
    assert engine.together == [{10, 11}, {10, 12}, {10, 20}, {10, 21}, {10}]
    assert (early.result(), late.result()) == ([10, 11, 12], [20, 21])
    assert early.seconds > 0
    assert late.seconds > 0


def test_a_call_that_begins_while_a_later_one_runs_comes_next() -> None:
    engine = Script()
    scheduler = CallScheduler(engine, 1)
    late, early = call(2, (20, 1), (21, 1)), call(1, (10, 1))
    scheduler.open(late)
    scheduler.step()
    run(scheduler, early)
    run(scheduler)
    assert engine.added == [20, 10]
    run(scheduler, call(3, (30, 1)))
    assert engine.added == [20, 10, 21, 30]


def test_a_call_without_requests_is_done() -> None:
    nothing = call(1)
    CallScheduler(Script(), 1).open(nothing)
    assert nothing.done
    assert nothing.result() == []


def test_a_request_that_is_not_taken_fails_its_call_alone() -> None:
    engine = Script(refused=11)
    first, second = call(1, (10, 9), (11, 1)), call(2, (20, 2))
    run(CallScheduler(engine, 4), first, second)
    with pytest.raises(ValueError, match="too long"):
        first.result()
    assert second.result() == [20]
    assert engine.inside == {}
    assert all(10 not in labels for labels in engine.together)


def test_an_answer_that_is_none_fails_its_call_alone() -> None:
    engine = Script()
    first = call(1, (10, 1), (11, 1), (12, 9), broken=10)
    second = call(2, (20, 1))
    run(CallScheduler(engine, 4), first, second)
    with pytest.raises(ArithmeticError, match="no number"):
        first.result()
    assert second.result() == [20]
    assert engine.inside == {}


def test_a_step_that_fails_is_told_apart_by_running_the_calls_alone() -> None:
    engine = Script(bad=20)
    first, second, third = call(1, (10, 2), (11, 1)), call(2, (20, 1)), call(3, (30, 1))
    scheduler = CallScheduler(engine, 4)
    run(scheduler, first, second, third)
    assert first.result() == [10, 11]
    with pytest.raises(RuntimeError, match="NaN"):
        second.result()
    assert third.result() == [30]
    assert engine.together == [{10, 11}, {10}, {30}]
    assert engine.added == [10, 11, 20, 30, 10, 11, 20, 30]
    run(scheduler, call(4, (40, 1)), call(5, (50, 1)))
    assert engine.together[-1] == {40, 50}


def test_a_cancelled_call_leaves_the_engine() -> None:
    engine = Script()
    scheduler = CallScheduler(engine, 2)
    first, second = call(1, (10, 9), (11, 9), (12, 9)), call(2, (20, 1))
    scheduler.open(first)
    scheduler.open(second)
    scheduler.step()
    scheduler.cancel(first)
    assert engine.inside == {}
    assert first.done
    run(scheduler, second)
    assert engine.added == [10, 11, 20]
    scheduler.cancel(second)
    assert second.result() == [20]


def test_a_call_goes_on_where_the_last_of_several_answers_asks_for_more() -> None:
    answers: list[int] = []

    def on_answer(index: int, answer: int) -> None:
        answers.append(answer)
        if answer == 2:
            one.waiting.append(3)

    prompts = [(0, 1), (1, 1), (2, 1), (3, 1)]
    one = OngoingCall(3, lambda index: Pass(prompts[index], None), on_answer, lambda: answers)
    engine = Script()
    run(CallScheduler(engine, 10), one)
    assert engine.together == [{0, 1, 2}, {3}]
    assert one.result() == [0, 1, 2, 3]


@dataclass
class Late(Script):
    """An engine that answers one batch late, as vLLM does on a GPU.

    A step begins a batch with all that is inside, and reads the one that the step before began.
    """

    queue: list[dict[str, int]] = field(default_factory=list)

    def step(self) -> Iterable[tuple[str, int]]:
        if self.inside:
            self.queue.append({name: left[0] for name, left in self.inside.items()})
            if len(self.queue) == 1:
                return []
        labels = self.queue.pop(0)
        if self.bad in labels.values():
            raise RuntimeError("NaN")
        ended = {name: label for name, label in labels.items() if name in self.inside}
        for name in ended:
            del self.inside[name]
        return list(ended.items())

    def settle(self) -> None:
        super().settle()
        while self.queue:
            with suppress(RuntimeError):
                self.step()


def test_an_engine_that_is_late_blames_only_the_call_that_is_bad() -> None:
    engine = Late(bad=20)
    calls = call(1, (10, 1)), call(2, (20, 1)), call(3, (30, 1))
    run(CallScheduler(engine, 4), *calls)
    assert calls[0].result() == [10]
    with pytest.raises(RuntimeError, match="NaN"):
        calls[1].result()
    assert calls[2].result() == [30]


def test_calls_in_turn_are_not_blamed_for_the_one_before() -> None:
    engine = Late(bad=20)
    scheduler = CallScheduler(engine, 4)
    for label in (10, 20, 30, 40):
        one = call(1, (label, 1))
        scheduler.open(one)
        if label == 20:
            with pytest.raises(RuntimeError, match="NaN"):
                scheduler.finish(one)
        else:
            assert scheduler.finish(one) == [label]


def test_a_call_is_not_blamed_for_one_that_was_cancelled_beside_it() -> None:
    engine = Late(bad=20)
    scheduler = CallScheduler(engine, 4)
    good, bad = call(1, (10, 1)), call(2, (20, 1))
    scheduler.open(good)
    scheduler.open(bad)
    scheduler.step()
    scheduler.cancel(bad)
    assert scheduler.finish(good) == [10]


def test_an_error_that_breaks_the_device_is_no_error_of_a_call() -> None:
    class Broken(Script):
        def step(self) -> Iterable[tuple[str, int]]:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    scheduler = CallScheduler(Broken(), 4)
    one = call(1, (10, 1))
    scheduler.open(one)
    with pytest.raises(DeviceLost, match="illegal memory access"):
        scheduler.step()
    assert one.error is None
