"""The transformers generator against plain forward passes, one sequence at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.choice import context_length
from evalsuite.engines.generation import cut_at_stop
from evalsuite.engines.length_batches import HalvingBudget
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest, Generator, ScoreRequest
from evalsuite.errors import EngineError
from helpers.tiny_families import make_tiny_model
from helpers.tiny_lm import make_tiny_lm

CONTEXTS = ["The cat", "A much longer context than the others, to make padding matter", "x"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module", params=[False, True], ids=["apart", "shared"])
def generator(checkpoint: Checkpoint, request: pytest.FixtureRequest) -> Generator:
    return load_generator(
        checkpoint,
        engine="transformers",
        device="cpu",
        dtype="float32",
        prefix_caching=request.param,
    )


@pytest.fixture(scope="module")
def reference(checkpoint: Checkpoint) -> Any:
    """(tokenizer, model) for independent computations."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint.path, dtype=torch.float32).eval()
    return AutoTokenizer.from_pretrained(checkpoint.path), model


def greedy_by_hand(model: Any, ids: tuple[int, ...], steps: int) -> list[int]:
    """Greedy decoding without cache, padding or batch: argmax of a full forward each time."""
    import torch

    sequence, answer = list(ids), []
    with torch.inference_mode():
        for _ in range(steps):
            token = int(model(torch.tensor([sequence])).logits[0, -1].argmax())
            answer.append(token)
            sequence.append(token)
            if token == 1:
                break
    return answer


def encode(tokenizer: Any, text: str) -> tuple[int, ...]:
    return tuple(tokenizer(text).input_ids)


def test_score_is_the_sum_of_log_softmax(generator: Generator, reference: Any) -> None:
    import torch

    tokenizer, model = reference
    requests = [
        ScoreRequest(encode(tokenizer, context), tuple(encode(tokenizer, rest)[1:]))
        for context in CONTEXTS
        for rest in (" sat on the mat.", "!", "ab")
    ]
    scores = generator.score(requests)
    for request, score in zip(requests, scores, strict=True):
        ids = request.context_ids + request.continuation_ids
        with torch.inference_mode():
            table = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        start = len(request.context_ids)
        own = [float(table[i - 1, ids[i]]) for i in range(start, len(ids))]
        best = [float(table[i - 1].max()) for i in range(start, len(ids))]
        assert score.logprob == pytest.approx(sum(own), abs=1e-4)
        assert score.greedy == all(a >= b - 1e-9 for a, b in zip(own, best, strict=True))


def test_the_greedy_continuation_is_greedy(generator: Generator, reference: Any) -> None:
    tokenizer, model = reference
    contexts = [encode(tokenizer, text) for text in CONTEXTS]
    asked = [ScoreRequest(ids, tuple(greedy_by_hand(model, ids, 4))) for ids in contexts]
    assert all(score.greedy for score in generator.score(asked))


def test_a_model_with_a_recurrent_state_scores_each_text_by_itself(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """What it keeps of a text is no keys and values that others could read."""
    import torch

    model = make_tiny_model("mamba")
    model.save_pretrained(tmp_path)
    recurrent = checkpoint.model_copy(
        update={"path": tmp_path, "tokenizer": checkpoint.tokenizer_path}
    )
    engine = load_generator(
        recurrent, engine="transformers", device="cpu", dtype="float32", prefix_caching=True
    )
    asked = [ScoreRequest((3, 4, 5, 6), (7,)), ScoreRequest((3, 4, 5, 6), (8,))]
    with torch.inference_mode():
        table = torch.log_softmax(model(torch.tensor([[3, 4, 5, 6]])).logits[0, -1], -1)
    found = [score.logprob for score in engine.score(asked)]
    assert found == pytest.approx([float(table[7]), float(table[8])], abs=1e-5)


def test_empty_continuation_is_certain(generator: Generator) -> None:
    assert generator.score([ScoreRequest((0, 5), ())])[0].logprob == 0.0


def test_greedy_generation_equals_decoding_by_hand(generator: Generator, reference: Any) -> None:
    tokenizer, model = reference
    requests = [GenerationRequest(encode(tokenizer, text), max_tokens=12) for text in CONTEXTS]
    for request, answer in zip(requests, generator.generate(requests), strict=True):
        by_hand = greedy_by_hand(model, request.prompt_ids, 12)
        ended = by_hand[-1] == 1
        kept = by_hand[:-1] if ended else by_hand
        assert answer.text == tokenizer.decode(kept)
        assert answer.tokens == len(kept)
        assert answer.finish == ("stop" if ended else "length")


def test_prompts_that_begin_alike_are_continued_as_by_hand(
    generator: Generator, reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches of several lengths: padding takes the place of what is shared."""
    tokenizer, model = reference
    examples = "Q: What is that? A: It is a cat. Q: And that? A: A dog. "
    texts = ["Q: a", "", "Q: What is that? A: It", "x" * 70, examples * 2, "Q: b"]
    prompts = [encode(tokenizer, examples + text) for text in texts]
    monkeypatch.setattr(generator, "_budget", HalvingBudget(500))
    answers = generator.generate([GenerationRequest(prompt, max_tokens=8) for prompt in prompts])
    for prompt, answer in zip(prompts, answers, strict=True):
        by_hand = greedy_by_hand(model, prompt, 8)
        assert answer.text == tokenizer.decode([token for token in by_hand if token != 1])


def test_a_stop_string_does_not_begin_in_the_prompt(generator: Generator, reference: Any) -> None:
    tokenizer, _ = reference
    free = GenerationRequest(encode(tokenizer, CONTEXTS[0]), max_tokens=12)
    whole = generator.generate([free])[0]
    across = CONTEXTS[0][-1] + whole.text[0]
    assert across not in whole.text
    assert generator.generate([replace(free, stop=(across,))])[0] == whole


def test_text_ends_before_the_first_stop_string(generator: Generator, reference: Any) -> None:
    tokenizer, _ = reference
    free = GenerationRequest(encode(tokenizer, CONTEXTS[0]), max_tokens=24)
    text = generator.generate([free])[0].text
    stop = text[10:12]
    answer = generator.generate([replace(free, stop=("never there", stop))])[0]
    assert answer.text == text[: text.find(stop)]
    assert answer.finish == "stop"


def test_a_sampled_answer_depends_on_its_seed_only(generator: Generator) -> None:
    drawn = GenerationRequest((0, 40, 41), max_tokens=10, temperature=1.0, seed=7)
    other = replace(drawn, prompt_ids=(0, 50), seed=8)
    alone = generator.generate([drawn])[0]
    among = generator.generate([other, drawn, replace(drawn, seed=9)])
    assert among[1] == alone
    assert among[2].text != alone.text


def test_cut_at_stop() -> None:
    assert cut_at_stop("abcd", ["d", "b"]) == ("a", True)
    assert cut_at_stop("abcd", ["x", ""]) == ("abcd", False)


def test_context_length() -> None:
    assert context_length(512, None) == 512
    assert context_length(131_072, None) == 8192
    assert context_length(131_072, 8192) == 8192
    with pytest.raises(EngineError, match="longer than the model's 512"):
        context_length(512, 1024)


def test_a_checkpoint_that_cannot_generate_is_refused(checkpoint: Checkpoint) -> None:
    refused = checkpoint.model_copy(update={"cannot": {"generative": "it has no head"}})
    with pytest.raises(EngineError, match="it has no head"):
        load_generator(refused, engine="transformers")
