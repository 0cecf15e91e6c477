from __future__ import annotations

from evalsuite.engines.protocols import GenerationRequest, ScoreRequest
from evalsuite.prompting.waves import waves

EXAMPLES = tuple(range(90))


def questions(count: int) -> list[tuple[str, ScoreRequest]]:
    """Questions of five tokens behind common examples, with two choices of five tokens."""
    return [
        (f"{n}{choice}", ScoreRequest((*EXAMPLES, *[1000 + n] * 5), (choice,) * 5))
        for n in range(count)
        for choice in (1, 2)
    ]


def sizes(requests: list[tuple[str, ScoreRequest]], tokens: int, *, shared: bool) -> list[int]:
    return [len(wave) for wave in waves(requests, 9, tokens, shared=shared)]


def test_common_beginnings_count_once_where_the_engine_computes_them_once() -> None:
    # Of a wave: 90 tokens of examples, and 15 a question.
    assert sizes(questions(6), 90 + 3 * 15, shared=True) == [6, 6]
    assert sizes(questions(3), 200, shared=False) == [2, 2, 2]


def test_the_choices_of_a_question_stay_together() -> None:
    assert sizes(questions(4), 90 + 12, shared=True) == [2, 2, 2, 2]


def test_what_is_held_at_once_is_bounded() -> None:
    long = tuple(range(250_000))
    requests = [(str(n), ScoreRequest((*long, n), (1,))) for n in range(6)]
    assert sizes(requests, 300_000, shared=True) == [4, 2]


def test_prompts_to_continue_are_counted() -> None:
    requests = [(str(n), GenerationRequest((n,), 8)) for n in range(20)]
    assert [len(wave) for wave in waves(requests, 9, 1)] == [9, 9, 2]
