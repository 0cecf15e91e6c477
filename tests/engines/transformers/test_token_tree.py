"""Texts as a tree: every token is computed behind the right ones, and how often."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.engines.transformers.token_tree import Branch, ForwardPass, passes, token_tree

Tokens = tuple[int, ...]
TEXTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12).map(tuple), max_size=12)


def path(branch: Branch) -> Tokens:
    """All tokens from the root to a branch's end."""
    return branch.text[: branch.end]


def beginnings(texts: Sequence[Tokens]) -> set[Tokens]:
    """What the texts begin with, one beginning for each of their tokens."""
    return {text[:end] for text in texts for end in range(1, len(text) + 1)}


def computed(found: Sequence[ForwardPass]) -> list[Tokens]:
    """Of each token that is computed, it and all that it can see: kept ones, then those of its row.

    This replays what an engine does.
    """
    kept: Tokens = ()
    all_seen: list[Tokens] = []
    for one in found:
        kept = kept[: one.past]
        assert len(kept) == one.past
        seen: dict[Branch, Tokens] = {}
        for branch, start, end in one.pieces:
            before = kept if branch.above is None else seen.get(branch.above, kept)
            assert len(before) == start
            seen[branch] = before + branch.text[start:end]
            all_seen += [seen[branch][: place + 1] for place in range(start, end)]
        if one.kept:
            (longest,) = [row for row in seen.values() if len(row) == max(map(len, seen.values()))]
            kept = longest
    return all_seen


@given(TEXTS)
def test_each_text_ends_at_its_branch(texts: list[Tokens]) -> None:
    root, ends = token_tree(texts)
    assert [path(end) for end in ends] == texts
    assert {end for end in ends if end is root} == set()
    assert root.size == len(beginnings(texts))


@given(TEXTS, st.randoms(use_true_random=False))
def test_the_order_of_the_texts_changes_nothing(texts: list[Tokens], random: object) -> None:
    shuffled = sorted(texts, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = (token_tree(given)[0] for given in (texts, shuffled))
    assert [path(branch) for branch in one.downwards()] == [path(b) for b in other.downwards()]


@given(TEXTS, st.integers(1, 16), st.integers(1, 16))
def test_all_of_a_tree_is_computed_behind_what_precedes_it(
    texts: list[Tokens], most: int, worth: int
) -> None:
    root, _ = token_tree(texts)
    found = list(passes(root, most, min(most, worth)))
    assert set(computed(found)) == beginnings(texts)
    assert all(sum(end - start for _, start, end in one.pieces) <= most for one in found)


@given(TEXTS, st.integers(1, 16))
def test_nothing_is_computed_twice_where_all_beginnings_are_kept(
    texts: list[Tokens], most: int
) -> None:
    root, _ = token_tree(texts)
    assert len(computed(list(passes(root, most, 1)))) == root.size


def test_examples_are_computed_once_and_questions_with_their_choices() -> None:
    examples, letters = tuple(range(100, 200)), (1, 2, 3, 4)
    texts = [(*examples, 200 + q, 300 + q, x) for q in range(50) for x in letters]
    root, _ = token_tree(texts)
    found = list(passes(root, most=60, worth=20))
    assert len(computed(found)) == root.size == 100 + 50 * 6
    # Two passes over the examples; then ten questions in each row, none of them parted.
    assert [(one.past, one.kept) for one in found] == [(0, True), (60, True)] + [(100, False)] * 5


def test_a_short_beginning_is_computed_in_each_row_instead_of_by_itself() -> None:
    texts = [(7, 8, index, *range(9)) for index in range(20, 40)]
    root, _ = token_tree(texts)
    found = list(passes(root, most=42, worth=20))
    assert [one.past for one in found] == [0] * 5
    assert len(computed(found)) == root.size + 4 * 2


def test_texts_within_texts_need_no_recursion() -> None:
    texts = [tuple(range(end)) for end in range(1, 1500)]
    root, ends = token_tree(texts)
    assert root.size == 1499
    assert list(ends[-1].upwards())[-1] is root
    assert len(computed(list(passes(root, 4096, 8)))) == 1499
