"""Which choices of a multiple-choice item are right, or why that cannot be said."""

from __future__ import annotations

import pytest

from evalsuite.kinds.lm_eval.choices import (
    BadItem,
    counted_from_one,
    read_choices,
    right_choices,
)

FRUIT = ("hammer", "apple", "cloud")


@pytest.mark.parametrize(
    ("target", "choices", "right"),
    [
        ("1", FRUIT, (1,)),
        (" 0\n", FRUIT, (0,)),
        ("apple", FRUIT, (1,)),
        ("B", FRUIT, (1,)),
        ("c", FRUIT, (2,)),
        ("(B)", FRUIT, (1,)),
        ("B.", FRUIT, (1,)),
        ("[0, 2]", FRUIT, (0, 2)),
        ('["apple", "C"]', FRUIT, (1, 2)),
        ("['apple', 1]", FRUIT, (1,)),
        # The text of a choice comes before a letter.
        ("B", ("A", "B", "C"), (1,)),
        ("B", ("B", "A"), (0,)),
        # Digits that mean the same in both ways, or can mean one thing only.
        ("1", ("0", "1"), (1,)),
        ("4", ("1", "2", "4"), (2,)),
        ("0", ("1", "2", "4"), (0,)),
        ("[1]", ("[1]", "[2]"), (0,)),
    ],
)
def test_what_is_right(target: str, choices: tuple[str, ...], right: tuple[int, ...]) -> None:
    assert right_choices(target, choices) == right


@pytest.mark.parametrize(
    ("target", "choices", "words"),
    [
        ("3", FRUIT, "not an index from 0 to 2"),
        ("-1", FRUIT, "not an index from 0 to 2"),
        ("", FRUIT, "empty"),
        ("[]", FRUIT, "empty list"),
        ("None", FRUIT, "not a choice"),
        ("True", FRUIT, "not a choice"),
        ("1.0", FRUIT, "not a choice"),
        ("banana", FRUIT, "not a choice"),
        ("D", FRUIT, "not a letter from A to C"),
        ("2", ("1", "2", "4"), "text of choice 1 and the index of '4'"),
        ("A", ("b", "a"), "nearly the text of choice 1"),
    ],
)
def test_what_is_refused(target: str, choices: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadItem, match=words):
        right_choices(target, choices)


def test_choices_of_an_item() -> None:
    assert read_choices(["['a', \"b'c\"]"], one_list=True) == ("a", "b'c")
    assert read_choices(['["a", "é"]'], one_list=True) == ("a", "é")
    assert read_choices(["[3, 4.5]"], one_list=True) == ("3", "4.5")
    assert read_choices(["A", "B"], one_list=False) == ("A", "B")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a, b", "gives no list"),
        ("{'A': 'x'}", "gives no list"),
        ("['a']", "only 1"),
        ("['a', 'a ']", "occurs twice"),
        ("['a', '']", "choice 1 is empty"),
        ("['a', None]", "not a text"),
        ("['a', True]", "not a text"),
    ],
)
def test_choices_that_are_none(text: str, words: str) -> None:
    with pytest.raises(BadItem, match=words):
        read_choices([text], one_list=True)


def test_a_column_that_counts_from_one() -> None:
    assert counted_from_one([("1", 3), ("3", 3), ("2", 2)])
    assert not counted_from_one([("0", 3), ("3", 3)])
    assert not counted_from_one([("1", 3), ("2", 3)])
    assert not counted_from_one([("1", 3), ("B", 3)])
