"""Untrusted text on its way into a page: escaped, and with nothing that works unseen."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import re
import unicodedata

LONGEST = 20_000
"""Characters of one text of a sample that a page carries; the middle of a longer one is left out,
since a prompt's question stands at its end and an answer's form shows at its start."""

_TAIL = 6_000
_SUSPECT = re.compile(r"[^\n\t\x20-\x7e]")
_JOINERS = "\u200c\u200d"
"""Part of ordinary Persian, Hindi and emoji; they reach no further than their neighbours."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JSON_ESCAPES = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


def visible(text: str) -> str:
    """Make control characters, direction overrides and broken UTF-16 readable: ``⟨U+202E⟩``.

    Line feeds and tabs stay, as do letters, marks and signs of all scripts.
    """
    return _SUSPECT.sub(lambda found: _shown(found[0]), text)


@functools.cache
def _shown(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def cut(text: str, longest: int = LONGEST) -> str:
    """A text without its middle if it is longer than ``longest`` characters."""
    if len(text) <= longest:
        return text
    tail = min(_TAIL, longest // 3)
    head = longest - tail
    return f"{text[:head]}\n⟨… {len(text) - longest:,} characters left out …⟩\n{text[-tail:]}"


def embedded(value: object) -> str:
    """JSON that may stand inside a ``script`` element: nothing in it can close the element."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return plain.translate(_JSON_ESCAPES)


def packed(value: object) -> str:
    """JSON, compressed, in base64; the same value gives the same text."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(plain.encode(), 6, mtime=0)).decode()
