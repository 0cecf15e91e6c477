"""Whatever a model writes: parsers of answers give an answer that is in it, or none, and end."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalsuite.judging.prompt import parse_ranking
from evalsuite.kinds.lm_eval.grit import bbh, gsm8k, humaneval, tydiqa
from evalsuite.kinds.rerank.permutation import parse_permutation
from evalsuite.kinds.shared import answers

PIECES = st.sampled_from(
    ["the answer is", "The answer is ", "####", "```", "```python\n", "def f(", "\nclass ",
     "return",
     "1,234", "-", ".", "½", "٣", "\u2028", "\x00", "\ud800", "<|endoftext|>", "[1]", " > ",
     "{'rank'", "[{'model': 'model_1', 'rank': 1}", "e999", "9" * 400, "\n", "    ", "\r", "[",
     "(" * 50]
)  # fmt: skip
OUTPUT = st.lists(PIECES | st.text(max_size=6), max_size=14).map("".join)
NOTHING = st.text(alphabet=" \t\n\r\u2003\u2028\x0b", max_size=12)
LIMITED = settings(max_examples=150, deadline=None)

FINDERS = {
    "all": lambda text: answers.extract(text, "all"),
    "first_line": lambda text: answers.extract(text, "first_line"),
    "last_number": lambda text: answers.extract(text, "last_number"),
    "code": lambda text: answers.extract(text, "code"),
    "pattern": lambda text: answers.extract(text, r"answer is\s*(.*?)[.\n]"),
    "gsm8k": gsm8k.find_answer,
    "bbh": bbh.find_answer,
    "tydiqa": tydiqa.SquadScorer().extract,
    "humaneval": humaneval.score.extract,
}
INSIDE = ("all", "first_line", "pattern", "bbh", "tydiqa", "humaneval")
"""Those whose answers stand in the output as they are."""


@pytest.mark.parametrize("name", FINDERS)
@LIMITED
@given(text=OUTPUT)
@example(text="the answer is .")
@example(text="the answer is  \n")
def test_an_answer_is_a_text_or_none(name: str, text: str) -> None:
    found = FINDERS[name](text)
    assert found is None or isinstance(found, str)
    if name != "code" and name != "humaneval":
        assert found is None or found.strip(), "nothing is no answer"
    if found is not None and name in INSIDE:
        assert found in text


@pytest.mark.parametrize("name", [name for name in FINDERS if name != "humaneval"])
@LIMITED
@given(text=NOTHING)
def test_nothing_has_no_answer(name: str, text: str) -> None:
    assert FINDERS[name](text) is None


@LIMITED
@given(text=st.text(alphabet="abc .,:-\n", max_size=30))
def test_text_without_digits_has_no_number(text: str) -> None:
    assert answers.extract(text, "last_number") is None
    assert gsm8k.find_answer(text) is None


@LIMITED
@given(left=OUTPUT, right=OUTPUT)
def test_scores_are_shares_and_equal_texts_agree(left: str, right: str) -> None:
    for score in (answers.exact_match, answers.token_f1):
        assert 0 <= score(left, (right,)) <= 1
        assert score(left, (left,)) == 1
        assert score(None, (right,)) == 0
        assert math.isclose(score(left, (right,)), score(right, (left,)))
    assert answers.references(left)


@LIMITED
@given(prompt=OUTPUT, response=OUTPUT, name=OUTPUT)
def test_programs_are_always_made(prompt: str, response: str, name: str) -> None:
    assert isinstance(answers.program(prompt, response, name), str)
    assert answers.given(prompt).startswith(answers.IMPORTS)
    assert response.startswith(answers.cut_code(response))
    assert response.startswith(humaneval.cut(response))


@LIMITED
@given(reply=OUTPUT, many=st.integers(1, 9))
def test_orders_and_verdicts(reply: str, many: int) -> None:
    verdict = parse_ranking(reply)
    assert verdict is None or 0 <= verdict <= 2
    found = parse_permutation(reply, many)
    order = getattr(found, "order", found)
    assert order is None or set(order) <= set(range(many))
