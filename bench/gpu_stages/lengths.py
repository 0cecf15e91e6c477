"""How long the texts of MTEB's data sets are."""

from __future__ import annotations

from typing import Final

REAL: Final = (
    (3, 13, 17, 21, 25, 30, 37, 46, 59, 86, 307),
    (2, 7, 8, 9, 10, 11, 12, 14, 16, 24, 96),
    (2, 7, 10, 12, 15, 18, 21, 24, 29, 36, 71),
    (5, 141, 198, 231, 259, 289, 325, 365, 414, 491, 1931),
    (1, 6, 7, 8, 9, 12, 15, 18, 22, 29, 61),
    (4, 6, 7, 8, 9, 10, 11, 12, 13, 16, 91),
    (4, 7, 9, 10, 11, 12, 13, 14, 16, 20, 69),
    (3, 7, 8, 9, 10, 11, 12, 14, 18, 25, 58),
)
"""Tokens by SmolLM2's tokenizer, from the shortest text by tenths of all texts to the longest: of
AmazonCounterfactual, Banking77, Emotion, SciFact (corpus and queries), STS12, STS13, STS15 and
STSBenchmark."""
