"""Finding and comparing answers of tasks on files of one's own: pure functions.

The GRIT paper's tasks keep the paper's own rules, in
:mod:`evalsuite.kinds.shared.answers`. Here numbers are read as
:mod:`evalsuite.kinds.lm_eval.numbers` defines them, everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from evalsuite.kinds.lm_eval.numbers import last_number, replace_numbers
from evalsuite.kinds.lm_eval.programs import last_block
from evalsuite.kinds.shared import answers
from evalsuite.kinds.shared.thinking import without_thinking

_MARK: Final = "𐀀"
"""Stands around a number in a compared text: a letter that answers do not hold."""


def extract(text: str, how: str) -> str | None:
    """Find the answer in a model's output, outside its thinking.

    Args:
        text: The output.
        how: ``all`` (the text without surrounding space), ``first_line`` (the first that is not
            empty), ``last_number``, ``code`` (the last fenced block, else all), or a regular
            expression with one group, of which the first match counts. One that holds the word
            ``think`` looks for the tags itself, and is given the whole output.

    Returns:
        The answer; ``None`` where there is none.
    """
    visible = text if "think" in how else without_thinking(text)
    if how == "last_number":
        return last_number(visible)
    if how == "code":
        return last_block(visible) or visible.strip() or None
    return answers.extract(visible, how)


def exact_match(answer: str | None, right: Sequence[str]) -> float:
    """1 if an answer says the same as one of the right ones, else 0.

    Both are normalised as for SQuAD, and each number in them counts by its value: ``18.00 euros``
    is ``18 euros``, ``1.5 kg`` is not ``15 kg``. Of a text that SQuAD's rule leaves nothing of
    (an article, a sign), the text itself is compared: the answer ``A`` is not ``the``.
    """
    if answer is None:
        return 0.0
    mine = comparable(answer)
    return float(any(mine == comparable(candidate) for candidate in right))


def token_f1(answer: str | None, right: Sequence[str]) -> float:
    """SQuAD's F1 over bags of tokens, the best over the right answers.

    The tokens are SQuAD's, but for numbers, which count by their values.
    """
    if answer is None:
        return 0.0
    return answers.token_f1(comparable(answer), [comparable(item) for item in right])


def comparable(text: str) -> str:
    """A text as it is compared: numbers by value, the rest by SQuAD's normalisation."""
    marked = replace_numbers(text, _marked)
    # In hexadecimal, as one word that normalising again leaves as it is.
    return answers.normalize(marked) or _MARK + " ".join(text.casefold().split()).encode().hex()


def _marked(value: Fraction) -> str:
    """A number as one word, without signs that the normalisation takes away."""
    sign = "minus" if value < 0 else ""
    return f"{_MARK}{sign}{abs(value.numerator):x}over{value.denominator:x}{_MARK}"
