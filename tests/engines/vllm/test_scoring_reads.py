"""Scores where prompts read what others left, with an engine that keeps blocks as vLLM does."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalsuite.engines.call_scheduler import CallScheduler, OngoingCall, Pass
from evalsuite.engines.protocols import ScoreRequest
from evalsuite.engines.vllm.scoring import Scoring
from evalsuite.engines.vllm.shared_beginnings import EntryOrder, enter_behind, shared_beginnings

BLOCK = 4
VOCABULARY = range(3)
Tokens = tuple[int, ...]


def logprob(context: Tokens, token: int) -> float:
    """A made-up model: all that stands before a token decides."""
    weights = [random.Random(repr((context, other))).random() for other in VOCABULARY]
    return math.log(weights[token] / sum(weights))


def best(context: Tokens) -> int:
    return max(VOCABULARY, key=lambda token: logprob(context, token))


class BlockEngine:
    """Reads whole blocks that a prompt of the same group has left, never the last token.

    Args:
        seed: Of the order in which prompts are run.
        all_rows: Whether tokens that were read have rows of log-probabilities too, as with vLLM's
            first model runner; the second leaves them out.
    """

    def __init__(self, seed: int, *, all_rows: bool = True) -> None:
        self._draw = random.Random(seed)
        self._all_rows = all_rows
        self._waiting: dict[str, Pass] = {}
        self._kept: set[tuple[str | None, Tokens]] = set()
        self.read: list[tuple[Tokens, int]] = []

    def add(self, name: str, one: Pass) -> None:
        self._waiting[name] = one

    def abort(self, names: Any) -> None:
        for name in names:
            del self._waiting[name]

    def step(self) -> list[tuple[str, Any]]:
        name = self._draw.choice(list(self._waiting))
        one = self._waiting.pop(name)
        cached = 0
        if not one.settings.get("skip_reading_prefix_cache"):
            for end in range(BLOCK, len(one.prompt), BLOCK):
                if (one.group, one.prompt[:end]) not in self._kept:
                    break
                cached = end
        # The last token that is chosen is not computed with.
        left = one.prompt
        for _ in range(one.settings["max_tokens"] - 1):
            left = (*left, best(left))
        self._kept |= {(one.group, left[:end]) for end in range(BLOCK, len(left) + 1, BLOCK)}
        self.read.append((one.prompt, cached))
        return [(name, self._answer(one, cached))]

    def _answer(self, one: Pass, cached: int) -> Any:
        if "prompt_logprobs" in one.settings:
            flat = SimpleNamespace(start_indices=[0], logprobs=[])
            for place in range(1, len(one.prompt)):
                if place <= cached and not self._all_rows:
                    continue
                before, token = one.prompt[:place], one.prompt[place]
                flat.start_indices.append(len(flat.logprobs))
                # The row of what was read is memory that was never written.
                known = place > cached
                flat.logprobs += (
                    [logprob(before, token), logprob(before, best(before))]
                    if known
                    else [math.nan, 7.0]
                )
            return SimpleNamespace(num_cached_tokens=cached, prompt_logprobs=flat)
        here, ids, tables = one.prompt, [], []
        for _ in range(one.settings["max_tokens"]):
            table = {token: logprob(here, token) for token in VOCABULARY}
            ids.append(best(here))
            tables.append({t: SimpleNamespace(logprob=value) for t, value in table.items()})
            here = (*here, ids[-1])
        output = SimpleNamespace(token_ids=ids, logprobs=tables)
        return SimpleNamespace(num_cached_tokens=cached, outputs=[output])


def run(requests: list[ScoreRequest], seed: int, engine: BlockEngine | None = None) -> Any:
    """Scores, and what each prompt read."""
    engine = engine or BlockEngine(seed)
    scheduler = CallScheduler(engine, size=5)
    scoring = Scoring(requests, dict, BLOCK)
    call = OngoingCall(len(scoring), scoring.build, lambda *_: None, scoring.collect)

    def on_answer(index: int, answer: Any) -> None:
        call.waiting.extend(scoring.on_answer(index, answer))

    call.on_answer = on_answer
    readable = [scoring.readable(index) for index in range(len(scoring))]
    order = EntryOrder(shared_beginnings(scoring.prompt, readable, BLOCK))
    enter_behind(call, order, {"max_tokens": 1})
    scheduler.open(call)
    return scheduler.finish(call), sorted(engine.read)


TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=14).map(tuple)
BEGINNINGS = st.sampled_from([(), (0,) * 4, (0,) * 8, (0, 1, 2, 0, 1), (0,) * 8 + (1,) * 6])


PLACES = (0,) * 8 + (1,) * 7


@example([(PLACES, (), (), (0,)), (PLACES, (), (0,) * 4, (0,)), (PLACES, (1,), (), (0, 0))])
@example([((0,) * 5, (), (), (0,) * 5), ((0,) * 9, (), (), (0,))])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(BEGINNINGS, TEXTS, BEGINNINGS, TEXTS), min_size=1, max_size=9))
def test_scores_are_those_of_the_model_and_reads_do_not_depend_on_the_order(
    parts: list[tuple[Tokens, Tokens, Tokens, Tokens]],
) -> None:
    requests = [ScoreRequest(a + b, c + d) for a, b, c, d in parts]
    requests += requests[:1]  # asked twice
    scores, read = run(requests, seed=1)
    for request, score in zip(requests, scores, strict=True):
        text = request.context_ids + request.continuation_ids
        places = range(len(request.context_ids), len(text))
        assert score.logprob == pytest.approx(sum(logprob(text[:p], text[p]) for p in places))
        assert score.greedy == all(text[p] == best(text[:p]) for p in places)
    assert run(requests, seed=2) == (scores, read)
    assert run(requests, 0, BlockEngine(1, all_rows=False)) == (scores, read)


def test_a_beginning_is_computed_once_however_many_share_it() -> None:
    context = (0, 1) * 20
    requests = [ScoreRequest((*context, q, q), (c, q, c, 1)) for q in (0, 1, 2) for c in (0, 1, 2)]
    _, read = run(requests, seed=0)
    computed = sum(len(prompt) - cached for prompt, cached in read)
    alone = sum(len(one.context_ids) + len(one.continuation_ids) for one in requests)
    assert alone == 9 * 46
    # The context; of each text the rest; for the engine the last block of what it reads first.
    assert computed <= 40 + 9 * 6 + 3 * BLOCK


def test_what_an_earlier_call_has_left_of_a_continuation_is_computed_again() -> None:
    engine = BlockEngine(0)
    request = ScoreRequest((0, 1, 2), (1, 2, 0, 1, 2, 0, 1))
    first, _ = run([request], 0, engine)
    second, read = run([request], 0, engine)
    assert first == second
    assert [cached for _, cached in read] == [0, 0, 8], "read too much, and once more without"
