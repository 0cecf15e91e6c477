"""How answers are found and compared: tables worked out by hand from the authors' expressions."""

from __future__ import annotations

import pytest

from evalsuite.kinds.lm_eval.grit import bbh, gsm8k, humaneval, tydiqa
from evalsuite.kinds.lm_eval.grit.scoring import same


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("5 + 4 = 9. So the answer is 9.", "9"),
        ("So the answer is 1,234,567.", "1234567"),
        ("It costs $18.00", "18.00"),
        ("a loss of -3.5 dollars", "-3.5"),
        ("a loss of -10 dollars", "10"),  # the sign belongs to decimals only
        ("1,2,3", "3"),  # 12,3: each digit takes part in one separator only
        ("3 apples, then 12 pears", "12"),
        (".5", ".5"),
        ("none at all", None),
        ("", None),
    ],
)
def test_gsm8k_takes_the_last_number(output: str, answer: str | None) -> None:
    assert gsm8k.find_answer(output) == answer


@pytest.mark.parametrize(
    ("output", "target", "right"),
    [
        ("So the answer is 9.", "9", 1.0),
        ("So the answer is 2,280.", "2280", 1.0),
        ("So the answer is 18.00", "18", 0.0),  # compared as text: 1800
        ("minus -10", "-10", 1.0),  # punctuation does not count
        ("no number", "9", 0.0),
    ],
)
def test_gsm8k_score(output: str, target: str, right: float) -> None:
    found = gsm8k.score({"target": target}, [output])
    assert found == {"exact_match": right, "unparsed": float(output == "no number")}


def test_gsm8k_right_answer() -> None:
    assert gsm8k.right_answer("Work.\n#### 2,125") == "2125"
    assert gsm8k.right_answer("Work.\n#### -10") == "-10"


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("… So the answer is (A). The answer is (B).", "(A)"),
        ("The answer is True.", "True"),
        ("|he answer is 3.", "3"),  # the authors' class [t|T] also holds the bar
        ("the answer is 3.5.", "3"),
        ("the answer is\nYes.", None),
        ("the answer is Yes", None),
        ("Yes", None),
    ],
)
def test_bbh_takes_the_first_answer(output: str, answer: str | None) -> None:
    assert bbh.find_answer(output) == answer


@pytest.mark.parametrize(
    ("output", "target", "right", "unparsed"),
    [
        ("So the answer is (a).", "(A)", 1.0, 0.0),
        ("the answer is valid.", "valid", 1.0, 0.0),
        (" True\n", "True", 1.0, 1.0),  # not parsed, but the whole output is right
        ("The answer is ] ] >.", "] ] >", 1.0, 0.0),
        ("The answer is no.", "yes", 0.0, 0.0),
    ],
)
def test_bbh_score(output: str, target: str, right: float, unparsed: float) -> None:
    found = bbh.score({"target": target}, [output])
    assert found == {"exact_match": right, "unparsed": unparsed}


def test_exact_match_keeps_spaces() -> None:
    assert same("Foo-Bar!", "foobar")
    assert not same("foo bar", "foobar")


@pytest.mark.parametrize(
    ("output", "f1", "exact"),
    [
        ("the blue house", 1.0, 1.0),  # articles do not count
        ("A blue, blue house.", 4 / 5, 0.0),  # 2 common of 3 and 2 tokens
        ("green", 0.0, 0.0),
        ("1912", 1.0, 1.0),
        ("", 0.0, 0.0),
    ],
)
def test_tydiqa_score(output: str, f1: float, exact: float) -> None:
    found = tydiqa.score({"answers": ["Blue house", "1912"]}, [output])
    assert found["f1"] == pytest.approx(f1)
    assert found["exact_match"] == exact
    assert found["unparsed"] == float(output == "")


def test_tydiqa_two_empty_texts_share_nothing() -> None:
    # SQuAD 1.1; its successor gives 1.
    assert tydiqa.f1("the", "a") == 0.0


@pytest.mark.parametrize(
    ("generated", "kept"),
    [
        ("\n    return 1\n", "\n    return 1"),
        ("\n    return 1\n\ndef other():\n    pass", "\n    return 1\n"),
        ("\n    return 1\n\nDone.", "\n    return 1\n"),
        ("\n\tx = 1\n# note\n\treturn x", "\n\tx = 1"),
        ("\n    return 1<|endoftext|>more", "\n    return 1"),
        ("return 1", ""),  # on the header's last line: not code
        ("  # ok\n    return 1", "  # ok\n    return 1"),
    ],
)
def test_humaneval_cuts_behind_the_function(generated: str, kept: str) -> None:
    assert humaneval.cut(generated) == kept


def test_humaneval_program() -> None:
    row = {"prompt": "\n\ndef one():\n    '''1'''\n"}
    source = humaneval.program(row, "\n    return 1\nprint(one())")
    assert source.endswith("from collections import *\n\n\n\ndef one():\n    '''1'''\n    return 1")
    assert "numpy" not in source
