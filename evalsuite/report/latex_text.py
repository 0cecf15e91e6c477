"""Text in LaTeX: escaped, as wide as Computer Modern sets it, and fit for pdflatex."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        # Signatures are long words: without a place to break they run off the page.
        "|": r"\textbar{}\allowbreak{}",
        '"': r"\textquotedbl{}",
        "–": "--",
        "…": r"\ldots{}",
        "×": r"$\times$",
        "±": r"$\pm$",
        "−": "$-$",
        "Δ": r"$\Delta$",
        "≈": r"$\approx$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "→": r"$\rightarrow$",
        "†": r"\dag{}",
        "‡": r"\ddag{}",
        "§": r"\S{}",
        "¶": r"\P{}",
        "⏎": r"$\hookleftarrow$",
        "\N{REPLACEMENT CHARACTER}": "?",
    }
)
_NOT_IN_PDFLATEX: Final = re.compile("[^\\x00-\\u017e—‘’“”€™•‰]+|[ĦħĸĿŀŉŦŧ]+")
"""What is left after escaping and pdflatex refuses, with its T1 fonts; tested with pdflatex."""

_WIDTHS: Final = {
    letter: width / 1000
    for width, letters in {
        278: "ijl.,:;!'|",
        390: ' -()[]Ifrst"',
        444: "cez",
        500: "0123456789ago/+*",
        556: "bdhnpukqvxyS_",
        750: "ABCDEFGHJKLNOPQRTUVXYZw",
        833: "m%&#@",
        1030: "MW",
    }.items()
    for letter in letters
}
"""Character → its width in Computer Modern, in units of the size of the font; rounded up."""
_OTHER: Final = 0.78
_OPTICAL: Final = 1.04
"""How much wider, in relation to their size, the fonts of 8 and 9 points are."""
_LONGEST_WORD: Final = 40
_PARTS: Final = re.compile(f".{{1,{_LONGEST_WORD}}}")
_BREAKS: Final = re.compile(r"(?<=[/_:,+=@])(?=.)")


def escape(text: str) -> str:
    r"""A text that LaTeX sets as it is.

    What pdflatex has no character for becomes ``?`` there, and is kept under LuaLaTeX and XeLaTeX,
    which alone know ``\Umathchar``.
    """
    return _NOT_IN_PDFLATEX.sub(_either, text.translate(_ESCAPES))


def breakable(text: str) -> str:
    """A text like :func:`escape`, whose very long words may be broken, after punctuation if any."""
    return " ".join(r"\allowbreak{}".join(map(escape, pieces(word))) for word in text.split(" "))


def pieces(word: str) -> list[str]:
    """Where :func:`breakable` lets a word be broken."""
    if len(word) <= _LONGEST_WORD:
        return [word]
    return [part for piece in _BREAKS.split(word) for part in _PARTS.findall(piece)]


def points(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is, in points; rather too wide than too narrow.

    Args:
        text: Not escaped.
        size: Of the font, in points.
        bold: Whether it is bold.
    """
    width = sum(_WIDTHS.get(letter, _OTHER) for letter in text)
    return width * size * _OPTICAL * (1.16 if bold else 1.0)


def cut(text: str, most: float, size: float) -> str:
    """A text that is no wider than ``most`` points, with ``…`` where something was cut off."""
    if points(text, size) <= most:
        return text
    while text and points(text + "…", size) > most:
        text = text[:-1]
    return text.rstrip() + "…"


def _either(found: re.Match[str]) -> str:
    text = found[0]
    return rf"\ifdefined\Umathchar {text}\else {'?' * len(text)}\fi{{}}"
