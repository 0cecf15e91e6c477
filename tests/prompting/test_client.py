"""A client asks each request once, cuts what is too long, and goes on after a kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest, Generator, ScoreRequest
from evalsuite.errors import EngineError
from evalsuite.prompting.client import Client
from evalsuite.prompting.decoding import Decoding
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from helpers.recording_engine import RecordingEngine
from helpers.tiny_lm import make_tiny_lm

PROMPTS = ["The cat", "Once upon a time there was a", "1 2 3"]
SHORT = Decoding(max_tokens=10, stop=("zz",))
SAMPLED = Decoding(max_tokens=10, stop=("zz",), temperature=1.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"), positions=128)


@pytest.fixture(scope="module")
def generator(checkpoint: Checkpoint) -> Generator:
    return load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")


def client_of(generator: Generator, checkpoint: Checkpoint, log: Path, **options: Any) -> Client:
    return Client(generator, Prompter(checkpoint), ResponseLog(log), **options)


def test_long_prompts_are_cut_on_the_left_and_counted(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    recording = RecordingEngine(generator)
    client = client_of(recording, checkpoint, tmp_path / "r")
    client.generate(["a" * 200 + "b", "short"], Decoding(max_tokens=8))
    client.score([("a" * 200 + "b", "cc")])
    generated, _, scored = recording.asked
    assert isinstance(generated, GenerationRequest)
    assert isinstance(scored, ScoreRequest)
    assert len(generated.prompt_ids) == 128 - 8
    assert client.prompter.decode(generated.prompt_ids) == "a" * 119 + "b"
    assert len(scored.context_ids + scored.continuation_ids) == 127
    [suspicion], warnings = client.truncation()
    assert suspicion.what == "2 of 3 prompts were truncated on the left to 128 tokens"
    assert warnings == ()


def test_an_answer_longer_than_the_context_is_an_error(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    client = client_of(generator, checkpoint, tmp_path / "r")
    with pytest.raises(EngineError, match="128 tokens does not fit the context of 128"):
        client.generate(PROMPTS, Decoding(max_tokens=128))
    with pytest.raises(EngineError, match="300 tokens does not fit the context of 128"):
        client.score([("a", "b" * 300)])


def test_answers_that_end_at_the_limit_are_known(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    client = client_of(generator, checkpoint, tmp_path / "r")
    whole = client.generate(PROMPTS, Decoding(max_tokens=10))
    assert client.unfinished == set(zip(PROMPTS, whole, strict=True))
    again = client_of(generator, checkpoint, tmp_path / "r")  # answers come from the log
    assert again.generate(PROMPTS, Decoding(max_tokens=10)) == whole
    assert again.unfinished == client.unfinished
    stopped = client_of(generator, checkpoint, tmp_path / "s")
    stopped.generate(PROMPTS[:1], Decoding(max_tokens=10, stop=(whole[0][:1],)))
    assert not stopped.unfinished


def test_the_end_token_is_always_a_stop_text(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    recording = RecordingEngine(generator)
    client = client_of(recording, checkpoint, tmp_path / "r")
    client.generate(["a"], Decoding(max_tokens=1))
    client.generate(["a"], Decoding(max_tokens=1, stop=("</s>", "b")))
    client.generate(["a"], Decoding(max_tokens=1, stop=("b",)))
    stops = [r.stop for r in recording.asked if isinstance(r, GenerationRequest)]
    assert stops == [("</s>",), ("</s>", "b"), ("b", "</s>")]
    assert client.settings == {
        "max_tokens": 1,
        "stop": ["b", "</s>"],
        "do_sample": False,
        "temperature": 0.0,
        "top_p": 1.0,
    }


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_killed_run_goes_on_behind_the_last_finished_wave(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path, calls: int
) -> None:
    whole = client_of(generator, checkpoint, tmp_path / "whole").generate(PROMPTS, SHORT)
    path = tmp_path / "r.jsonl"
    dying = RecordingEngine(generator, calls)
    if calls < 2:
        with pytest.raises(KeyboardInterrupt):
            client_of(dying, checkpoint, path).generate(PROMPTS, SHORT)
    else:
        client_of(dying, checkpoint, path).generate(PROMPTS, SHORT)
    # The kill also tears the line that was being written.
    with path.open("ab") as stream:
        stream.write(b'{"key": "half a li')
        os.fsync(stream.fileno())
    again = RecordingEngine(generator)
    assert client_of(again, checkpoint, path).generate(PROMPTS, SHORT) == whole
    assert len(dying.asked) == min(2 * calls, 3)
    assert len(dying.asked) + len(again.asked) == 3
    assert not set(dying.asked) & set(again.asked)


def test_equal_requests_are_asked_once(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    recording = RecordingEngine(generator)
    done: list[tuple[int, int]] = []
    client = client_of(
        recording, checkpoint, tmp_path / "r", progress=lambda d, t: done.append((d, t))
    )
    first, second = client.score([("The capital of France is", " Paris")] * 2)
    assert first == second
    assert len(recording.asked) == 1
    assert done == [(0, 2), (2, 2)]


def test_repeats_are_drawn_anew_and_the_same_again(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    repeated = [prompt for prompt in PROMPTS for _ in range(3)]
    answers = client_of(generator, checkpoint, tmp_path / "a").generate(repeated, SAMPLED)
    assert len(set(answers[:3])) == 3
    again = client_of(generator, checkpoint, tmp_path / "b").generate(repeated, SAMPLED)
    assert again == answers
    other = client_of(generator, checkpoint, tmp_path / "c", seed=1).generate(repeated, SAMPLED)
    assert other != answers
