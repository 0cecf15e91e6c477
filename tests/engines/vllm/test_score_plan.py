"""Forward passes for the choices of a question: as few as their texts allow, and none missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.engines.protocols import ScoreRequest
from evalsuite.engines.vllm.score_plan import plan_scores, positions

LINE = 198
"""A token that all choices begin with."""


def choices(context: tuple[int, ...], *continuations: tuple[int, ...]) -> list[ScoreRequest]:
    return [ScoreRequest(context, continuation) for continuation in continuations]


def test_choices_of_one_token_are_one_pass() -> None:
    plan = plan_scores(choices((1, 2), (10,), (11,), (12,), (10,)))
    assert plan.positions == {(1, 2): (10, 11, 12)}
    assert plan.whole == ()


def test_a_common_first_token_is_one_position_more_of_the_same_text() -> None:
    plan = plan_scores(choices((1, 2), (LINE, 10), (LINE, 11), (LINE, 12), (LINE, 13)))
    assert plan.positions == {(1, 2): (LINE,), (1, 2, LINE): (10, 11, 12, 13)}
    assert plan.longer == {(1, 2): (1, 2, LINE)}
    assert plan.whole == ()


def test_pairs_of_contexts_do_not_overlap_and_none_is_guessed() -> None:
    """Three in a row are a pair and one; where two go on from a context, neither is its pair."""
    row = plan_scores(choices((1,), (5, 6, 7), (5, 6, 8), (5, 6, 9)))
    assert row.longer == {(1,): (1, 5)}
    fork = plan_scores(choices((1,), (5, 7), (5, 8), (6, 7), (6, 8)))
    assert set(fork.positions) == {(1,), (1, 5), (1, 6)}
    assert fork.longer == {}


def test_texts_that_share_little_are_run_by_themselves() -> None:
    plan = plan_scores(choices((1,), (5, 6, 7), (8, 9, 10)))
    assert plan.positions == {}
    assert [text.request for text in plan.whole] == [0, 1]


def test_questions_do_not_pay_for_each_other() -> None:
    requests = [*choices((1,), (5, 6, 7), (8, 9, 10)), *choices((2,), (5,), (6,))]
    plan = plan_scores(requests)
    assert plan.positions == {(2,): (5, 6)}
    assert [text.request for text in plan.whole] == [0, 1]


def test_one_pass_may_serve_two_questions() -> None:
    """The second question is the first with its first answer."""
    requests = [*choices((1,), (5, 6), (5, 7)), *choices((1, 5), (8,))]
    assert plan_scores(requests).positions == {(1,): (5,), (1, 5): (6, 7, 8)}


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_single_token_alone(count: int) -> None:
    plan = plan_scores([ScoreRequest((n,), (3,)) for n in range(count)])
    assert plan.positions == {(n,): (3,) for n in range(count)}


TEXTS = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=12))
def test_every_request_can_be_answered_and_passes_are_saved(
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    requests = [ScoreRequest(context, continuation) for context, continuation in pairs]
    plan = plan_scores(requests)
    for index, request in enumerate(requests):
        if index not in {text.request for text in plan.whole}:
            for context, token in positions(request):
                assert token in plan.positions[context]
    assert len(plan.positions) + len(plan.whole) <= len(requests)
