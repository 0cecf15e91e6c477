"""The asking end of an engine: what it is told reaches the right call, and nothing else."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest

from evalsuite.engines.protocols import Completion, GenerationRequest, ScoreRequest
from evalsuite.engines.remote import (
    Ask,
    CallResult,
    Failure,
    PartialResult,
    RemoteEncoder,
    RemoteGenerator,
)
from evalsuite.errors import EngineError

ONE, TWO = np.ones((2, 3), dtype=np.float32), np.zeros((1, 3), dtype=np.float32)


class Script:
    """The other end: what it will say, and what it has heard."""

    def __init__(self, *messages: Any) -> None:
        self.messages = deque(messages)
        self.heard: list[Any] = []

    def send(self, message: Any, /) -> None:
        self.heard.append(message)

    def recv(self) -> Any:
        if not self.messages:
            raise EOFError
        return self.messages.popleft()


def test_an_encoder_adds_up_what_is_done() -> None:
    channel = Script(
        PartialResult(1, [(1,), (0,)]), PartialResult(1, [(1,)]), CallResult(1, ONE, 0.5, 7)
    )
    told: list[int] = []
    encoder = RemoteEncoder(channel, "tiny 1")
    assert encoder.encode(["a", "b"], "query: ", told.append) is ONE
    assert channel.heard == [Ask(1, "encode", (["a", "b"], "query: "))]
    assert (told, encoder.seconds, encoder.version) == ([1, 1], 0.5, "tiny 1")
    assert (encoder.tokens_read, encoder.tokens_written) == (7, 0)


def test_what_was_announced_is_not_asked_again() -> None:
    channel = Script(CallResult(1, ONE, 1.0), CallResult(2, TWO, 2.0))
    encoder = RemoteEncoder(channel, "tiny 1")
    encoder.announce(["a", "b"])
    encoder.announce(["c"])
    assert encoder.encode(["a", "b"]) is ONE
    assert encoder.encode(["c"]) is TWO
    assert [ask.number for ask in channel.heard] == [1, 2]
    assert encoder.seconds == 3.0


def test_answers_that_nobody_waits_for_are_dropped() -> None:
    """An error ended the job that had announced more."""
    channel = Script(
        Failure(1, EngineError("no memory")),
        PartialResult(2, [(1,)]),
        CallResult(2, TWO, 1.0),
        CallResult(3, ONE, 1.0),
    )
    encoder = RemoteEncoder(channel, "tiny 1")
    encoder.announce(["a"])
    encoder.announce(["b"])
    told: list[int] = []
    with pytest.raises(EngineError, match="no memory"):
        encoder.encode(["a"])
    assert encoder.encode(["d", "e"], progress=told.append) is ONE
    assert told == []


def test_a_prefix_makes_another_call_of_the_same_texts() -> None:
    channel = Script(CallResult(2, ONE, 1.0))
    encoder = RemoteEncoder(channel, "tiny 1")
    encoder.announce(["a"], "query: ")
    assert encoder.encode(["a"], "passage: ") is ONE
    assert [ask.arguments[1] for ask in channel.heard] == ["query: ", "passage: "]


def test_a_generator_gives_each_answer_as_it_comes() -> None:
    first, second = Completion("x", 1, "stop"), Completion("y", 2, "length")
    channel = Script(
        PartialResult(1, [(1, second)]),
        PartialResult(1, [(0, first)]),
        CallResult(1, [first, second], 1.0),
        CallResult(2, ["scores"], 1.0),
    )
    generator = RemoteGenerator(channel, "tiny 1", max_length=64, wave=8)
    assert (generator.max_length, generator.wave) == (64, 8)
    asked = [GenerationRequest((1, 2), 4), GenerationRequest((3,), 4)]
    came: list[tuple[int, Completion]] = []
    assert generator.generate(asked, lambda *item: came.append(item)) == [first, second]
    assert came == [(1, second), (0, first)]
    assert (generator.tokens_read, generator.tokens_written) == (2 + 1, 1 + 2)
    assert generator.score([ScoreRequest((1,), (2,))]) == ["scores"]  # type: ignore[comparison-overlap]
    assert generator.tokens_read == 2 + 1 + 2


def test_without_the_engines_process_this_one_ends() -> None:
    with pytest.raises(SystemExit):
        RemoteEncoder(Script(), "tiny 1").encode(["a"])


@pytest.mark.parametrize("hint", ["raise --max-length", None])
def test_an_error_crosses_with_message_and_hint(hint: str | None) -> None:
    import pickle

    error = pickle.loads(pickle.dumps(EngineError("it does not fit", hint)))
    assert isinstance(error, EngineError)
    assert (error.message, error.hint) == ("it does not fit", hint)
    assert error.line == EngineError("it does not fit", hint).line
