"""Numbers in texts: found, and compared, by their values."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.kinds.lm_eval.numbers import last_number
from evalsuite.kinds.lm_eval.own_answers import exact_match, extract, token_f1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("So the temperature is -5", "-5"),
        ("It is −12.5 °C.", "-12.5"),
        ("It is –7 °C.", "-7"),
        ("x=-5", "-5"),
        ("(-5)", "-5"),
        ("from 5 to -.5", "-.5"),
        ("-$5.00", "-5.00"),
        ("+5", "5"),
        # Hyphens and operators are no signs.
        ("pages 3-5", "5"),
        ("COVID-19", "19"),
        ("3 - 5", "5"),
        ("10%-5", "5"),
        ("f(2)-5", "5"),
        # Separators stand before groups of three.
        ("Total: 1,234.50 euros", "1234.50"),
        ("1'234'567", "1234567"),
        ("1\u202f234", "1234"),
        (r"\boxed{1{,}234}", "1234"),
        ("The numbers are 3,4", "4"),
        ("2020,2021", "2021"),
        ("1,234,56", "56"),
        # A point at the end is none of the number.
        ("The answer is 5.0.", "5.0"),
        ("It costs $18.", "18"),
        ("version 1.2.3", "3"),
        ("on 5/10/2024", "2024"),
        ("half: 1/2", "1/2"),
        ("1 1/2 cups", "1 1/2"),
        ("2½", "2 1/2"),
        (r"-\frac{1}{2}", "-1/2"),
        ("1/0", "0"),
        ("x = 1e5", "1e5"),
        ("1.2×10^5", "1.2e5"),
        ("1.2 x 10^{-5}", "1.2e-5"),
        ("10⁵", "1e5"),
        ("the rate is 10%", "10"),
        ("none at all", None),
    ],
)
def test_the_last_number(text: str, found: str | None) -> None:
    assert last_number(text) == found


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Fraction]:
    """A number in one of the ways that people write it, and its value."""
    whole = draw(st.integers(0, 10**9))
    decimals = draw(st.text("0123456789", max_size=6))
    sign = draw(st.sampled_from(["", "-", "−", "+"]))
    exponent = draw(st.integers(-9, 9))
    separator = draw(st.sampled_from(["", ",", "'", "\u202f"]))
    digits = f"{whole:,}".replace(",", separator)
    value = Fraction(f"{whole}.{decimals}" if decimals else whole)
    text = digits + (f".{decimals}" if decimals else "")
    how = draw(st.sampled_from(["plain", "e", "power", "fraction", "mixed"]))
    if how == "e":
        text, value = f"{text}e{exponent}", value * Fraction(10) ** exponent
    elif how == "power":
        text, value = f"{text} × 10^{{{exponent}}}", value * Fraction(10) ** exponent
    elif how in ("fraction", "mixed"):
        under = draw(st.integers(2, 999))
        over = draw(st.integers(1, under - 1))
        text, value = f"{over}/{under}", Fraction(over, under)
        if how == "mixed":
            text, value = f"{whole} {text}", whole + value
    return sign + text, -value if sign in ("-", "−") else value


@given(written(), st.sampled_from(["{}", "I think it is {}.", "3, 4 or ({})!", "so: {} km"]))
@settings(max_examples=150, deadline=None)
def test_a_number_is_found_and_equals_its_value(number: tuple[str, Fraction], around: str) -> None:
    text, value = number
    found = last_number(around.format(text))
    plain = f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value)
    assert exact_match(found, [plain]) == 1, (found, plain)
    assert exact_match(f"{text} km", [f"{plain} km"]) == 1
    other = value + 1
    assert exact_match(found, [f"{other.numerator}/{other.denominator}"]) == 0


@pytest.mark.parametrize(
    ("answer", "right", "same"),
    [
        ("-5", "5", False),
        ("-5 °C", "5 °C", False),
        ("1.5 kg", "15 kg", False),
        ("18.00 euros", "1800 euros", False),
        ("18.00 euros", "18 euros", True),
        ("1/2", "12", False),
        ("1/2", "0.5", True),
        ("½", "1/2", True),
        ("8.0", "8", True),
        ("1,200", "1200", True),
        ("3-5", "35", False),
        ("2**3", "23", False),
        ("-1, 2", "1, 2", False),
        ("[1, 2]", "12", False),
        ("10%", "10", True),
        ("10%", "0.1", False),
        ("$18", "18", True),
        ("5.", "5", True),
        # Words: SQuAD's rule, but never nothing.
        ("The Lanterns.", "lanterns", True),
        ("C++", "C", True),
        ("A", "a", True),
        ("the", "A", False),
        ("", "A", False),
        ("+", "-", False),
    ],
)
def test_equality(answer: str, right: str, same: bool) -> None:
    assert exact_match(answer, [right]) == float(same)
    assert exact_match(right, [answer]) == float(same)


def test_a_number_without_end_is_compared_as_it_is_written() -> None:
    long = "9" * 5000
    assert exact_match(long, [long]) == 1
    assert exact_match(long, [long[1:]]) == 0


def test_f1_keeps_numbers_apart() -> None:
    # Common {kg} of two tokens each: F1 = 1/2. SQuAD's normalisation alone gives 1.
    assert token_f1("1.5 kg", ["15 kg"]) == 0.5
    # {big, red, barn} and {red, barn}: P = 2/3, R = 1, F1 = 0.8.
    assert token_f1("the big red barn", ["red barn"]) == pytest.approx(0.8)
    assert token_f1(None, ["x"]) == 0


def test_other_ways_to_find_an_answer() -> None:
    assert extract("\n Paris \nis", "first_line") == "Paris"
    assert extract("So (B).", r"\((.)\)") == "B"
    two = "```bash\npip install x\n```\n~~~\ny = 2\n~~~\n"
    assert extract(f"<think>```\nz\n```</think>{two}", "code") == "y = 2\n"


THOUGHT = "<think>2 + 2 is 4.\nOr <answer>5</answer>? \\boxed{6}\n</think>\n"


@pytest.mark.parametrize(
    ("response", "how", "found"),
    [
        # The last number of the whole text would be 6, in the one that thinks after it answers.
        ("The answer is 7." + THOUGHT, "last_number", "7"),
        (THOUGHT + "The answer is 7.", "last_number", "7"),
        (THOUGHT + "I cannot tell.", "last_number", None),
        ("<think>It is 4, or 5, and", "last_number", None),  # never came to an answer
        ("It is 4.\n</think>\n7", "last_number", "7"),  # the chat template opened the tag
        ("<thinking>4</thinking>7<thinking>5</thinking>", "last_number", "7"),
        (THOUGHT + "Paris\n", "all", "Paris"),
        (THOUGHT + "\nParis\nis it", "first_line", "Paris"),
        (THOUGHT + "<answer>7</answer>", r"<answer>(.*?)</answer>", "7"),
        (THOUGHT + r"So \boxed{7}", r"\\boxed\{(\d+)\}", "7"),
        ("<think>(A) or (B)?</think>(C)", r"\(([A-D])\)", "C"),
        (THOUGHT + "7", r"</think>\s*(.*)", "7"),
        (THOUGHT + "7", r"<think>(\d)", "2"),
    ],
)
def test_an_answer_is_outside_thinking(response: str, how: str, found: str | None) -> None:
    assert extract(response, how) == found
