"""Our language model gives lm-eval what lm-eval's own models give, and goes on after a kill."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import (
    Completion,
    Ended,
    GenerationRequest,
    Generator,
    Score,
    ScoreRequest,
)
from evalsuite.errors import EngineError, UsageError
from evalsuite.prompting.client import Client
from evalsuite.prompting.decoding import Decoding
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from helpers.tiny_lm import make_tiny_lm

PAIRS = [
    ("The capital of France is", " Paris"),
    ("Question: what?\nAnswer:", " A"),
    ("Question: what?\nAnswer:", " B"),
    ("trailing space ", "moves over"),
    ("", "no context at all"),
]
PROMPTS = ["The cat", "Once upon a time there was a", "1 2 3"]


class Counting:
    """A real generator that counts what it is asked, and may die after some calls."""

    def __init__(self, inner: Generator, calls: int | None = None) -> None:
        self.inner = inner
        self.left = calls
        self.asked: list[GenerationRequest | ScoreRequest] = []
        self.version, self.max_length, self.wave = inner.version, inner.max_length, 2

    def _tick(self, requests: Sequence[GenerationRequest | ScoreRequest]) -> None:
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        self.asked.extend(requests)

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        self._tick(requests)
        return self.inner.generate(requests, ended)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        self._tick(requests)
        return self.inner.score(requests)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"), positions=128)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("chat"), chat=True, positions=128)


@pytest.fixture(scope="module")
def generator(checkpoint: Checkpoint) -> Generator:
    return load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def theirs(checkpoint: Checkpoint) -> Any:
    """lm-eval's own transformers model."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=str(checkpoint.path), device="cpu", dtype="float32", batch_size=1, max_length=128
    )


def our_client(generator: Generator, checkpoint: Checkpoint, log: Path, **options: Any) -> Client:
    return Client(generator, Prompter(checkpoint), ResponseLog(log), **options)


def our_lm(generator: Generator, checkpoint: Checkpoint, log: Path, **options: Any) -> Any:
    from evalsuite.kinds.lm_eval.model import EngineLM

    return EngineLM(our_client(generator, checkpoint, log, **options))


def instances(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [
        Instance(request_type=kind, doc={}, arguments=args, idx=i, metadata=("t", i, 1))
        for i, args in enumerate(arguments)
    ]


def generations(**settings: Any) -> list[Any]:
    plain = {"until": ["zz"], "max_gen_toks": 10, "do_sample": False, **settings}
    return instances("generate_until", [(prompt, dict(plain)) for prompt in PROMPTS])


def test_loglikelihoods_equal_lm_evals(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    asked = instances("loglikelihood", PAIRS)
    ours = our_lm(generator, checkpoint, tmp_path / "r").loglikelihood(asked)
    for mine, reference in zip(ours, theirs.loglikelihood(asked), strict=True):
        assert mine[0] == pytest.approx(reference[0], abs=1e-4)
        assert mine[1] == reference[1]


def test_rolling_loglikelihood_equals_lm_evals_in_one_window(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    asked = instances("loglikelihood_rolling", [("A whole text of its own.",), ("x",)])
    ours = our_lm(generator, checkpoint, tmp_path / "r").loglikelihood_rolling(asked)
    assert ours == pytest.approx(theirs.loglikelihood_rolling(asked), abs=1e-4)


def test_rolling_loglikelihood_covers_texts_longer_than_the_context(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    counting = Counting(generator)
    text = "long text, " * 40
    lm = our_lm(counting, checkpoint, tmp_path / "r")
    lm.loglikelihood_rolling(instances("loglikelihood_rolling", [(text,)]))
    scored = [r for r in counting.asked if isinstance(r, ScoreRequest)]
    # Each token is predicted once: the windows' continuations are the text, in some order.
    assert sum(len(r.continuation_ids) for r in scored) == len(lm.tok_encode(text))


def test_generations_equal_lm_evals(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    ours = our_lm(generator, checkpoint, tmp_path / "r").generate_until(generations())
    # Special tokens inside an answer stay, as in lm-eval's vLLM model; its transformers model
    # drops them.
    assert [text.replace("<s>", "") for text in ours] == theirs.generate_until(generations())


def test_a_stop_string_cuts_as_in_lm_eval(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    free = our_lm(generator, checkpoint, tmp_path / "a").generate_until(generations())
    until = [free[0][3]]
    ours = our_lm(generator, checkpoint, tmp_path / "b").generate_until(generations(until=until))
    assert ours == theirs.generate_until(generations(until=until))
    assert ours[0] == free[0][: free[0].find(until[0])]


def test_long_prompts_are_cut_on_the_left_and_counted(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    counting = Counting(generator)
    client = our_client(counting, checkpoint, tmp_path / "r")
    client.generate(["a" * 200 + "b", "short"], Decoding(max_tokens=8))
    client.score([("a" * 200 + "b", "cc")])
    generated, _, scored = counting.asked
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
    lm = our_lm(generator, checkpoint, tmp_path / "r")
    with pytest.raises(EngineError, match="does not fit the context of 128"):
        lm.generate_until(generations(max_gen_toks=128))
    with pytest.raises(EngineError, match="does not fit the context of 128"):
        lm.loglikelihood(instances("loglikelihood", [("a", "b" * 300)]))


def test_unknown_generation_settings_are_refused(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="'num_beams' is not supported"):
        our_lm(generator, checkpoint, tmp_path / "r").generate_until(generations(num_beams=4))


def test_exactly_one_bos(chat: Checkpoint) -> None:
    prompter = Prompter(chat)
    rendered = prompter.render([{"role": "user", "content": "Hi"}])
    assert rendered == "<s><|user|>\nHi\n<|assistant|>\n"
    assert prompter.encode(rendered).count(0) == 1
    assert prompter.encode("Hi")[0] == 0
    assert 0 not in prompter.encode("Hi", special_tokens=False)


def test_a_forced_answer_prefix_is_continued(chat: Checkpoint) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Answer:"}]
    # The template ends each message with a line feed; a message to be continued has none.
    rendered = Prompter(chat).render(messages, add_generation_prompt=False)
    assert rendered == "<s><|user|>\nHi\n<|assistant|>\nAnswer:"


def test_two_bos_tokens_are_an_error(chat: Checkpoint) -> None:
    with pytest.raises(EngineError, match="two BOS tokens"):
        Prompter(chat).encode("<s><s>Hi")


def test_a_refusing_template_is_a_usage_error(chat: Checkpoint) -> None:
    refusing = ChatProtocol(template="{{ raise_exception('no system') }}", template_hash="x")
    prompter = Prompter(chat.model_copy(update={"chat": refusing}))
    with pytest.raises(UsageError, match="no system"):
        prompter.render([{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_killed_run_goes_on_behind_the_last_finished_wave(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path, calls: int
) -> None:
    whole = our_lm(generator, checkpoint, tmp_path / "whole").generate_until(generations())
    path = tmp_path / "r.jsonl"
    dying = Counting(generator, calls)
    if calls < 2:
        with pytest.raises(KeyboardInterrupt):
            our_lm(dying, checkpoint, path).generate_until(generations())
    else:
        our_lm(dying, checkpoint, path).generate_until(generations())
    # The kill also tears the line that was being written.
    with path.open("ab") as stream:
        stream.write(b'{"key": "half a li')
        os.fsync(stream.fileno())
    again = Counting(generator)
    assert our_lm(again, checkpoint, path).generate_until(generations()) == whole
    assert len(dying.asked) == min(2 * calls, 3)
    assert len(dying.asked) + len(again.asked) == 3
    assert not set(dying.asked) & set(again.asked)


def test_equal_requests_are_asked_once(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    counting = Counting(generator)
    done: list[tuple[int, int]] = []
    lm = our_lm(counting, checkpoint, tmp_path / "r", progress=lambda d, t: done.append((d, t)))
    first, second, *_ = lm.loglikelihood(instances("loglikelihood", [PAIRS[0], PAIRS[0]]))
    assert first == second
    assert len(counting.asked) == 1
    assert done == [(0, 2), (2, 2)]


def test_repeats_are_drawn_anew_and_the_same_again(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    sampled = generations(do_sample=True, temperature=1.0)
    repeated = [request for request in sampled for _ in range(3)]
    answers = our_lm(generator, checkpoint, tmp_path / "a").generate_until(repeated)
    assert len(set(answers[:3])) == 3
    assert our_lm(generator, checkpoint, tmp_path / "b").generate_until(repeated) == answers
    other = our_lm(generator, checkpoint, tmp_path / "c", seed=1).generate_until(repeated)
    assert other != answers
