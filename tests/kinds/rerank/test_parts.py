"""The parts of reranking that need no model: permutations, windows, nDCG."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.kinds.rerank.permutation import parse_permutation
from evalsuite.kinds.rerank.ranking import preference, windows
from evalsuite.kinds.rerank.scores import difference, ndcg
from evalsuite.kinds.rerank.task import Rerank

LISTWISE = Rerank(method="listwise")


@pytest.mark.parametrize(
    ("reply", "n", "order", "problem"),
    [
        ("[2] > [0] > [1]", 3, (2, 0, 1), None),
        ("Sure! [1]>[2] > [ 0 ].", 3, (1, 2, 0), None),
        ("2 > 0 > 1", 3, (2, 0, 1), None),
        ("[2] > [2] > [0]", 3, (2, 0, 1), "1 of 3 not named, 1 repeated"),
        ("[7] > [1]", 3, (1, 0, 2), "2 of 3 not named, 1 unknown identifiers"),
        ("[1]", 3, (1, 0, 2), "2 of 3 not named"),
        ("I cannot rank 3 passages.", 3, (0, 1, 2), "no ranking in the reply"),
        ("[9] > [8]", 3, (0, 1, 2), "no ranking in the reply"),
        ("", 2, (0, 1), "no ranking in the reply"),
    ],
)
def test_permutations(reply: str, n: int, order: tuple[int, ...], problem: str | None) -> None:
    found = parse_permutation(reply, n)
    assert (found.order, found.problem) == (order, problem)
    assert found.parsed == (problem != "no ranking in the reply")


@given(st.text(alphabet="[]>0123456789 x\n", max_size=60), st.integers(1, 12))
def test_any_reply_gives_a_permutation(reply: str, n: int) -> None:
    found = parse_permutation(reply, n)
    assert sorted(found.order) == list(range(n))
    rest = found.order[found.listed :]
    assert list(rest) == sorted(rest), "what is not named keeps its order"
    assert found.parsed or found.order == tuple(range(n))
    assert parse_permutation(" > ".join(f"[{i}]" for i in found.order), n).order == found.order


@given(st.integers(0, 60), st.integers(2, 25), st.data())
def test_windows_slide_from_the_end_and_cover_all(n: int, window: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, window))
    spans = list(windows(n, LISTWISE.model_copy(update={"window": window, "step": step})))
    if n < 2:
        assert spans == []
        return
    assert spans[0][1] == n
    assert spans[-1][0] == 0
    assert {place for span in spans for place in range(*span)} == set(range(n))
    for (_, end), (_, next_end) in itertools.pairwise(spans):
        assert end - next_end == step


def test_windows_of_the_rankgpt_paper() -> None:
    """Sun et al. (2023), section 3.2: 8 passages, window 4, step 2: 5-8, 3-6, 1-4."""
    settings = LISTWISE.model_copy(update={"window": 4, "step": 2})
    assert list(windows(8, settings)) == [(4, 8), (2, 6), (0, 4)]
    assert list(windows(10, LISTWISE)) == [(0, 10)], "a top 10 is one window"


def test_preference_is_the_share_of_yes() -> None:
    for yes, no in ((0.3, 0.1), (0.001, 0.4), (0.2, 0.2)):
        assert preference(math.log(yes), math.log(no)) == pytest.approx(yes / (yes + no))
    assert preference(-1.0, -2000.0) == 1.0
    assert preference(-2000.0, -1.0) == 0.0


def test_ndcg_by_hand() -> None:
    judged = {"a": 2, "b": 1, "c": 0, "d": -1}
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert ndcg(["a", "b"], judged) == 1.0
    assert ndcg(["x", "b", "a"], judged) == pytest.approx(
        (1 / math.log2(3) + 2 / math.log2(4)) / ideal
    )
    assert ndcg(["c", "d", "x"], judged) == 0.0
    assert ndcg(["x"] * 10 + ["a"], judged) == 0.0, "cut at 10"
    assert ndcg(["a"], {"a": 0}) == 0.0


def test_difference_by_hand() -> None:
    """Differences 1, 0, 0, 1: mean 0.5, standard error sqrt((4·0.25/3)/4), t(3) = 3.1824."""
    found = difference([0.0, 0.5, 0.5, 0.0], [1.0, 0.5, 0.5, 1.0], seed=1)
    reach = 3.182446 * math.sqrt(4 * 0.25 / 3 / 4)
    assert found.delta == 0.5
    assert found.low == pytest.approx(0.5 - reach, abs=1e-5)
    assert found.high == pytest.approx(0.5 + reach, abs=1e-5)
    # Of the four sign patterns of two equal differences, two reach the sum.
    assert found.p == 0.5
    assert (found.better, found.worse, found.equal) == (2, 0, 2)
    assert difference([0.2], [0.4], seed=1).low is None
