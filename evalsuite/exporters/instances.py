"""Samples as items with an input, an output and a score: what formats for instances ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

RIGHT: Final = 0.5
"""Least score of an item that counts as right where a format asks for right or wrong."""
REFERENCES: Final = ("target", "gold", "label")
PLACED: Final = ("prompt", "target", "response", "extracted", "score")
"""Columns that an item has places for; others travel as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One test item."""

    id: str
    """Unique within the task."""
    input: str
    """The prompt; where a sample keeps no text, its id."""
    reference: tuple[str, ...]
    """Right answers; empty where samples do not keep them."""
    output: tuple[str, ...]
    """What the model gave: an answer, a class, or ids of found documents, best first."""
    extracted: str | None
    """The answer found in the output; ``None`` where nothing was looked for or found."""
    score: float | None
    """``None`` where no single text has one: sets of texts that were clustered, corpus metrics."""
    scored_by: str
    """What the score of an item is, in a word."""

    @property
    def right(self) -> bool:
        """Whether the score is at least one half."""
        return self.score is not None and self.score >= RIGHT


def instance_of(
    row: Mapping[str, Any], metric: str, texts: Mapping[tuple[str, str], str] | None = None
) -> Instance:
    """A sample as an item.

    Args:
        row: As stored.
        metric: The record's main metric.
        texts: Of the test items whose samples have no prompt, by subset and sample.
    """
    score, scored_by = _score(row, metric)
    subset = row.get("subset")
    name = str(row["sample"])
    reference = next((row[key] for key in REFERENCES if row.get(key) is not None), None)
    return Instance(
        id=f"{subset}/{name}" if subset and subset != "default" else name,
        input=str(row.get("prompt") or (texts or {}).get((str(subset or ""), name)) or name),
        reference=() if reference is None else (_text(reference),),
        output=_output(row),
        extracted=row.get("extracted") or None,
        score=score,
        scored_by=scored_by,
    )


def _score(row: Mapping[str, Any], metric: str) -> tuple[float | None, str]:
    """An item's score, ``None`` where it has none, and what it is."""
    if "clusters" in row or "v_measure" in row:
        return None, metric
    if row.get("score") is not None:
        return float(row["score"]), metric
    for column in ("correct", "cosine"):
        if row.get(column) is not None:
            return float(row[column]), column
    return None, metric


def _output(row: Mapping[str, Any]) -> tuple[str, ...]:
    for column in ("response", "documents", "predictions", "found", "cosine", "correlation"):
        value = row.get(column)
        if value is not None:
            return tuple(map(_text, value)) if isinstance(value, list) else (_text(value),)
    return ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
