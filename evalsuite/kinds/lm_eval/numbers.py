r"""What a number in a text is: for finding answers and for comparing them.

A number has, in this order:

* a sign: ``-``, ``+``, the minus ``−`` or the dash ``–``, directly before the digits or a currency
  symbol. After a word, a digit, a bracket or ``%`` it is a hyphen or an operator: ``pages 3-5``,
  ``COVID-19``.
* digits, perhaps with thousands separators: a comma, an apostrophe or a narrow or fixed space,
  before each group of exactly three. ``3,4`` is two numbers.
* decimals after a point. A point at the end of a sentence is none.
* an exponent: ``1e5``, ``1.2×10^5``, ``10⁵``.

A fraction is a number: ``1/2``, ``1 1/2``, ``½``, ``\frac{1}{2}``. A percent sign is a unit, as
``kg`` is: ``10%`` is the number 10. A decimal comma is not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from typing import Final

MAX_DIGITS: Final = 1000
"""A longer number has no value: it is compared as it is written."""

_VULGAR: Final = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_FRAC: Final = re.compile(r"(\d?)\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_LATEX_COMMA: Final = re.compile(r"(?<=\d)(?:\{,\}|\\,)(?=\d{3})")
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")

_MANTISSA: Final = r"""
    (?: [1-9]\d{{0,2}} (?P<sep{n}>[,'’\u00a0\u2009\u202f]) \d{{3}} (?: (?P=sep{n}) \d{{3}} )*
        (?! (?P=sep{n})? \d ) (?:\.\d+)?
      | \d++ (?:\.\d++)?
      | (?<![\w.]) \.\d++ )
"""
_NUMBER: Final = re.compile(
    rf"""
    (?P<sign> (?<![\w)\]}}%]) [-+−–] (?= [$€£¥]?\.?\d ) )?
    (?P<currency> [$€£¥] (?=\.?\d) )?
    (?:
        (?<![\d/.])
        (?: (?P<whole>\d++)[ ] )? (?P<over>\d++)/(?P<under>0*+[1-9]\d*+) (?! [/.]\d | ,\d{{3}} )
      | (?: (?P<factor>{_MANTISSA.format(n=1)}) \s?(?:[×x*·⋅]|\\times|\\cdot)\s? )?
        (?<![\d.]) 10 (?: (?:\^|\*\*) \{{? (?P<power>[-+−]?\d{{1,3}}) (?!\d) \}}?
                        | (?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{{1,3}}) )
      | (?P<digits>{_MANTISSA.format(n=2)}) (?: [eE] (?P<exponent>[-+−]?\d{{1,3}}) (?!\w) )?
    )
    """,
    re.VERBOSE,
)


def last_number(text: str) -> str | None:
    """The last number in a text: ASCII sign, no separators; ``None`` if there is none.

    ``"It is −1,234.50 °C."`` gives ``"-1234.50"``.
    """
    found = None
    for found in _NUMBER.finditer(_unified(text)):  # noqa: B007 - the last one counts
        pass
    return _plain(found) if found else None


def replace_numbers(text: str, write: Callable[[Fraction], str]) -> str:
    """A text with each of its numbers written by ``write``; currency symbols stay."""

    def written(match: re.Match[str]) -> str:
        value = _value(match)
        return (match["currency"] or "") + (_plain(match) if value is None else write(value))

    return _NUMBER.sub(written, _unified(text))


def _unified(text: str) -> str:
    """A text whose fractions and separators are written in one way."""
    text = _VULGAR.sub(lambda m: _apart(m[1], unicodedata.normalize("NFKC", m[2])), text)
    text = _FRAC.sub(lambda m: _apart(m[1], f"{m[2]}/{m[3]}"), text.replace("⁄", "/"))
    return _LATEX_COMMA.sub(",", text)


def _apart(digit: str, fraction: str) -> str:
    """A fraction after a whole number: with the space that ``1 1/2`` has."""
    return (f"{digit} " if digit else "") + fraction.replace("⁄", "/")


def _parts(match: re.Match[str]) -> tuple[str, str]:
    """Digits with their decimals, and the exponent, of a number that is not a fraction."""
    exponent = match["power"] or match["exponent"] or match["raised"] or "0"
    digits = match["digits"] or match["factor"] or "1"
    separator = match["sep1"] or match["sep2"] or ","
    return digits.replace(separator, ""), exponent.translate(_SUPERSCRIPTS).replace("−", "-")


def _plain(match: re.Match[str]) -> str:
    sign = "-" if match["sign"] and match["sign"] != "+" else ""
    if match["under"]:
        whole = f"{match['whole']} " if match["whole"] else ""
        return f"{sign}{whole}{match['over']}/{match['under']}"
    digits, exponent = _parts(match)
    return sign + digits + (f"e{exponent}" if exponent != "0" else "")


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > MAX_DIGITS:
        return None
    if match["under"]:
        value = int(match["whole"] or 0) + Fraction(int(match["over"]), int(match["under"]))
    else:
        digits, exponent = _parts(match)
        whole, _, decimals = digits.partition(".")
        value = Fraction(int(whole + decimals), 10 ** len(decimals)) * Fraction(10) ** int(exponent)
    return -value if match["sign"] and match["sign"] != "+" else value
