"""Extraction and comparison of answers, pinned to their definitions."""

from __future__ import annotations

import pytest

from evalsuite.kinds.shared import answers


@pytest.mark.parametrize(
    ("text", "how", "found"),
    [
        ("  yes \n", "all", "yes"),
        (" \n", "all", None),
        ("\n Paris \nis the capital", "first_line", "Paris"),
        ("", "first_line", None),
        # open-instruct: commas between digits go, then the last match of the pattern
        ("She has 1,234 and pays 2,500.", "last_number", "2500"),
        ("It is 3.5 kg.", "last_number", "3.5"),
        ("from 5 to -.5", "last_number", "-.5"),
        ("none at all", "last_number", None),
        ("So the answer is (B). Sure.", r"[tT]he answer is (.*?)\.", "(B)"),
        ("no idea", r"[tT]he answer is (.*?)\.", None),
        ("Here:\n```python\nx = 1\n```\nDone", "code", "x = 1\n"),
        ("x = 1", "code", "x = 1"),
    ],
)
def test_extract(text: str, how: str, found: str | None) -> None:
    assert answers.extract(text, how) == found


def test_squad_normalisation() -> None:
    assert answers.normalize("The  Quick, (brown) Fox-trot!") == "quick brown foxtrot"
    assert answers.normalize("an a the theatre") == "theatre"


def test_exact_match_normalises_and_takes_any_reference() -> None:
    assert answers.exact_match("The Lanterns.", ["paper lanterns", "lanterns"]) == 1.0
    assert answers.exact_match("lantern", ["lanterns"]) == 0.0
    assert answers.exact_match(None, ["x"]) == 0.0


def test_numbers_are_compared_by_value() -> None:
    assert answers.exact_match("8.0", ["8"]) == 1.0
    assert answers.exact_match("1,200", ["1200"]) == 1.0
    # SQuAD's normalisation alone would drop the point and call these equal.
    assert answers.exact_match("1.5", ["15"]) == 0.0


def test_token_f1_by_hand() -> None:
    # Answer {in, the→-, big, red, barn} = 4 tokens, reference {red, barn} = 2, common 2:
    # P = 2/4, R = 2/2, F1 = 2·0.5·1/1.5 = 2/3.
    assert answers.token_f1("in the big red barn", ["red barn"]) == pytest.approx(2 / 3)
    # The maximum over references; bags count repetitions: common {x} = 1 of 3 and 1.
    assert answers.token_f1("x x x", ["y", "x"]) == pytest.approx(2 * 1 / 4)
    assert answers.token_f1("nothing", ["red barn"]) == 0.0
    assert answers.token_f1("the", [""]) == 1.0
    assert answers.token_f1(None, ["x"]) == 0.0


def test_references() -> None:
    assert answers.references('["a", "b"]') == ("a", "b")
    assert answers.references("[1, 2") == ("[1, 2",)
    assert answers.references("5") == ("5",)


def test_code_is_cut_at_stop_strings_and_unindented_lines() -> None:
    body = "\n    return a + b\n"
    for rest in ("\nprint(f(1))", "\nif __name__", "\n# test", "\nclass X:", "\ndef g(): pass"):
        assert answers.cut_code(body + rest) == body
    assert answers.cut_code(body + "\nThis adds.") == body.rstrip("\n") + "\n"
    assert answers.cut_code("    return 1") == "    return 1"


def test_program_continues_the_prompt_or_takes_a_whole_definition() -> None:
    header = 'def f(a):\n    """Doc."""'
    assert answers.program(header, "\n    return a\n\nprint(1)", "f") == header + "\n    return a\n"
    fenced = "Sure:\n```python\nimport math\ndef f(a):\n    return a\n```\n"
    assert answers.program(header, fenced, "f") == "import math\ndef f(a):\n    return a\n"
