"""From vLLM's answers to scores, with answers made up here; the engine's own: ``tests/e2e``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evalsuite.engines.protocols import Score, ScoreRequest
from evalsuite.engines.vllm.scoring import MAX_CANDIDATES, Scoring

LINE, A, B, OTHER = 198, 10, 11, 12
CONTEXT = (1, 2)
CHOICES = [ScoreRequest(CONTEXT, (LINE, letter)) for letter in (A, B)]


def answer(*steps: tuple[int, dict[int, float]]) -> Any:
    """What the model chose at each step, and log-probabilities there."""
    tables = [
        {token: SimpleNamespace(logprob=value) for token, value in table.items()}
        for _, table in steps
    ]
    return SimpleNamespace(
        outputs=[SimpleNamespace(token_ids=[token for token, _ in steps], logprobs=tables)]
    )


def asked(scoring: Scoring, index: int) -> tuple[tuple[int, ...], int, list[int]]:
    """Prompt, tokens to generate, candidates."""
    one = scoring.build(index)
    return one.prompt, one.settings["max_tokens"], one.settings["logprob_token_ids"]


def test_a_line_break_and_a_letter_are_one_pass_where_the_model_breaks_the_line() -> None:
    scoring = Scoring(CHOICES, dict)
    assert len(scoring) == 1
    assert asked(scoring, 0) == (CONTEXT, 2, [A, B, LINE])
    first = {LINE: -0.1, A: -9.0, B: -8.0}
    # The log-probabilities of letters before the line break are not those behind it.
    assert not scoring.on_answer(0, answer((LINE, first), (B, {LINE: -7.0, A: -2.0, B: -0.5})))
    assert scoring.collect() == [
        Score(logprob=pytest.approx(-2.1), greedy=False),
        Score(logprob=pytest.approx(-0.6), greedy=True),
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [(OTHER, {OTHER: -0.2, LINE: -3.0}), (A, {A: -0.3, B: -0.4})],
        [(OTHER, {OTHER: -0.2, LINE: -3.0})],
        [(LINE, {LINE: -3.0})],
    ],
    ids=["another token", "another token at which it ended", "ended behind the first"],
)
def test_where_the_model_goes_on_otherwise_the_letters_are_a_pass_of_their_own(
    steps: list[tuple[int, dict[int, float]]],
) -> None:
    scoring = Scoring(CHOICES, dict)
    assert list(scoring.on_answer(0, answer(*steps))) == [1]
    assert asked(scoring, 1) == ((*CONTEXT, LINE), 1, [A, B])
    assert not scoring.on_answer(1, answer((A, {A: -0.5, B: -1.5})))
    chosen = steps[0][0] == LINE
    assert scoring.collect() == [
        Score(logprob=pytest.approx(-3.5), greedy=chosen),
        Score(logprob=pytest.approx(-4.5), greedy=False),
    ]


def test_more_candidates_than_vllm_takes_are_several_passes() -> None:
    tokens = range(1000, 1000 + MAX_CANDIDATES + 2)
    scoring = Scoring([ScoreRequest(CONTEXT, (LINE, token)) for token in tokens], dict)
    found = [asked(scoring, index) for index in range(len(scoring))]
    assert {(prompt, steps) for prompt, steps, _ in found} == {(CONTEXT, 1), ((*CONTEXT, LINE), 1)}
    assert max(len(candidates) for *_, candidates in found) == MAX_CANDIDATES
    assert sorted(token for *_, some in found for token in some) == [LINE, *tokens]


def test_nothing_is_certain_of_nothing() -> None:
    scoring = Scoring([ScoreRequest(CONTEXT, ()), ScoreRequest(CONTEXT, (A,))], dict)
    assert len(scoring) == 1
    scoring.on_answer(0, answer((A, {A: -0.5})))
    assert scoring.collect() == [Score(0.0, greedy=True), Score(-0.5, greedy=True)]
