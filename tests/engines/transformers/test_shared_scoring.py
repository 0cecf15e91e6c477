"""Scores with shared beginnings against one forward pass a text, for each family of models."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.engines.protocols import ScoreRequest
from evalsuite.engines.transformers import shared_scoring
from evalsuite.engines.transformers.shared_scoring import SharedScoring
from evalsuite.engines.transformers.sharing import FAMILIES
from evalsuite.errors import EngineError
from helpers.tiny_families import VOCABULARY, make_tiny_model

WINDOW = 7
BUDGETS = [(512, 64), (16, 8)]
"""Tokens of a pass, and what a pass of its own must spare: one row for all, and many of both."""


def made_up(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(3, VOCABULARY) for _ in range(count))


def questions() -> list[ScoreRequest]:
    """Few-shot questions, and what could go wrong with them."""
    draw = random.Random(1)
    examples = made_up(draw, 30)
    contexts = [examples + made_up(draw, 5) for _ in range(3)]
    found = [ScoreRequest(context, made_up(draw, 3)) for context in contexts for _ in range(4)]
    found += [ScoreRequest(contexts[0], (7, 8, *made_up(draw, count))) for count in (0, 1, 2)]
    found += [ScoreRequest(contexts[1], (place,)) for place in (5, 6)]
    found += [found[3], found[3]]  # asked again
    found += [ScoreRequest(examples, contexts[2][30:])]  # a context that others begin with
    found += [ScoreRequest(examples[:1], examples[1:9])]  # asked about all that is shared
    found += [ScoreRequest(examples, ()), ScoreRequest((1,), (2,))]
    return [*found, ScoreRequest(made_up(draw, 50), made_up(draw, 20))]


def one_by_one(model: Any, requests: Sequence[ScoreRequest]) -> list[tuple[float, bool]]:
    """Log-probability and greediness by a pass over each whole text, in double precision."""
    import torch

    found = []
    for request in requests:
        ids = torch.tensor([request.context_ids + request.continuation_ids])
        with torch.inference_mode():
            table = torch.log_softmax(model(ids, use_cache=False).logits[0].double(), dim=-1)
        rows = table[len(request.context_ids) - 1 : -1]
        own = rows[range(len(rows)), list(request.continuation_ids)]
        found.append((float(own.sum()), bool((own >= rows.max(dim=-1).values).all())))
    return found


def windows() -> list[tuple[str, dict[str, Any]]]:
    """Families, and settings that give some of their layers a window shorter than the texts."""
    found = []
    for family, takes in FAMILIES.items():
        found.append((family, {}))
        if takes != "whole":
            more = {"sliding_window": WINDOW, "use_sliding_window": True}
            kinds = ["sliding_attention", "full_attention"] * 2
            found.append((family, more | ({"layer_types": kinds} if takes == "by layer" else {})))
    return found


@pytest.mark.parametrize(("family", "given"), windows(), ids=str)
def test_scores_are_those_of_whole_texts(family: str, given: dict[str, Any]) -> None:
    model, requests = make_tiny_model(family, **given), questions()
    expected = one_by_one(model, requests)
    for most, worth in BUDGETS:
        scores = SharedScoring(model, "cpu", most, worth).score(requests)
        assert [s.logprob for s in scores] == pytest.approx([x for x, _ in expected], abs=1e-4)
        assert [s.greedy for s in scores] == [greedy for _, greedy in expected]


@pytest.mark.parametrize("family", [name for name, takes in FAMILIES.items() if takes != "whole"])
def test_the_window_matters_to_these_scores(family: str) -> None:
    """Otherwise the test above would say nothing about windows."""
    (with_window,) = [given for name, given in windows() if name == family and given]
    requests = questions()
    near, far = (
        one_by_one(make_tiny_model(family, **given), requests)
        for given in (with_window, with_window | {"sliding_window": 128})
    )
    assert max(abs(a - b) for (a, _), (b, _) in zip(near, far, strict=True)) > 0.01


def test_the_most_likely_continuation_is_greedy() -> None:
    import torch

    model, context = make_tiny_model("llama"), made_up(random.Random(2), 20)
    answer: tuple[int, ...] = ()
    for _ in range(4):
        with torch.inference_mode():
            answer += (int(model(torch.tensor([context + answer])).logits[0, -1].argmax()),)
    other = (*answer[:3], (answer[3] + 1) % VOCABULARY)
    asked = [ScoreRequest(context, one) for one in (answer, other, answer[:2])]
    scores = SharedScoring(model, "cpu", 512).score(asked)
    assert [score.greedy for score in scores] == [True, False, True]


TOKENS = st.lists(st.integers(3, 5), min_size=1, max_size=10).map(tuple)
"""Of three ids, so that texts begin alike."""
REQUESTS = st.lists(st.builds(ScoreRequest, TOKENS, st.just(()) | TOKENS), max_size=10)


@cache
def model() -> Any:
    return make_tiny_model("mistral", sliding_window=WINDOW)


@settings(max_examples=60, deadline=None)
@given(REQUESTS, st.integers(1, 24), st.integers(1, 24))
def test_whatever_is_asked(requests: list[ScoreRequest], most: int, worth: int) -> None:
    scores = SharedScoring(model(), "cpu", most, min(most, worth)).score(requests)
    expected = [logprob for logprob, _ in one_by_one(model(), requests)]
    assert [score.logprob for score in scores] == pytest.approx(expected, abs=1e-4)


def test_positions_are_looked_at_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = questions()
    whole = SharedScoring(model(), "cpu", 512).score(requests)
    monkeypatch.setattr(shared_scoring, "LOGIT_ROWS", 3)
    assert SharedScoring(model(), "cpu", 512).score(requests) == whole


class Limited:
    """A model that runs out of memory with more than some tokens in a row."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.config, self.dtype = model().config, model().dtype

    def __call__(self, **given: Any) -> Any:
        if given["input_ids"].shape[1] > self._most:
            raise RuntimeError("CUDA out of memory")
        return model()(**given)


def test_rows_become_shorter_where_memory_does_not_suffice() -> None:
    requests = questions()
    scores = SharedScoring(Limited(20), "cpu", 64, worth=8).score(requests)
    expected = [logprob for logprob, _ in one_by_one(model(), requests)]
    assert [score.logprob for score in scores] == pytest.approx(expected, abs=1e-4)
    with pytest.raises(EngineError, match="out of memory"):
        SharedScoring(Limited(4), "cpu", 64, worth=8).score(requests)


def test_a_model_with_broken_weights_is_refused() -> None:
    broken = make_tiny_model("llama")
    broken.lm_head.weight.data[3] = float("nan")
    with pytest.raises(EngineError, match="NaN or infinite"):
        SharedScoring(broken, "cpu", 512).score(questions())
