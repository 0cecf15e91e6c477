"""The texts that samples are about, cut to what a person reads.

They belong to the data, not to a checkpoint: a store keeps them once, and the samples of all
checkpoints refer to them by id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

LONGEST: Final = 2_000
"""Characters that are kept of a text."""

MOST: Final = 8 * 2**20
"""Characters that are kept of a data set: of its test items, and of what they are searched in."""

Name = tuple[str, str]
"""Subset (empty where samples have none) and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTexts:
    """The texts of a task's samples."""

    items: Sequence[Mapping[str, Any]] = ()
    """One row a sample, with its ``sample`` and, where it has one, its ``subset``. The other
    columns are texts or lists of texts and numbers; the same columns in every row."""
    named: Mapping[Name, str] = field(default_factory=dict)
    """What samples name by id, the same for every checkpoint: the documents of a small corpus or
    the relevant ones of a large corpus, the names of labels."""
    found: Mapping[Name, str] = field(default_factory=dict)
    """Further documents, which this checkpoint has found; the best of all samples first."""


def shortened(value: object, longest: int = LONGEST) -> str:
    """A value as text, without its end where that is beyond ``longest`` characters.

    Several texts, such as the turns of a conversation, stand one below the other. Half characters
    (lone surrogates) are written as escapes, since files cannot hold them.
    """
    if value is None:
        return ""
    text = "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if len(text) > longest:
        text = f"{text[:longest]} … ({len(text) - longest:,} more characters)"
    return text.encode("utf-8", "backslashreplace").decode()


def within(texts: Iterable[tuple[Name, str]], most: int = MOST) -> tuple[dict[Name, str], bool]:
    """The first texts that have no more than ``most`` characters together, shortened.

    Returns:
        The texts, and whether they are all.
    """
    kept: dict[Name, str] = {}
    room = most
    for name, text in texts:
        short = shortened(text)
        room -= len(short)
        if room < 0:
            return kept, False
        kept[name] = short
    return kept, True


def some_items(items: Iterable[Mapping[str, Any]], most: int = MOST) -> list[Mapping[str, Any]]:
    """Items whose texts have no more than ``most`` characters together, in their order.

    Where there are too many, a hash of the name decides: all checkpoints have the same ones.
    """
    rows = list(items)
    sizes = [_characters(row) for row in rows]
    if sum(sizes) <= most:
        return rows
    kept = set()
    for number in drawn([(str(row.get("subset")), row["sample"]) for row in rows]):
        most -= sizes[number]
        if most < 0:
            break
        kept.add(number)
    return [row for number, row in enumerate(rows) if number in kept]


def drawn(names: Sequence[object]) -> list[int]:
    """Places of all names in an order that looks random and is the same whenever it is asked."""
    hashes = [hashlib.sha256(repr(name).encode()).digest() for name in names]
    return sorted(range(len(names)), key=hashes.__getitem__)


def _characters(row: Mapping[str, Any]) -> int:
    values = (v if isinstance(v, list) else [v] for v in row.values())
    return sum(len(one) for several in values for one in several if isinstance(one, str))
