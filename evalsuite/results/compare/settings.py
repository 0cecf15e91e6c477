"""In which settings two scores differ of which one at least is from a result file of others."""

from __future__ import annotations

from collections.abc import Mapping

from evalsuite.results.signatures import parts
from evalsuite.schema import Record

NOT_STATED = "imported"
"""What a signature says where a file states nothing."""
NOT_COMPARED = frozenset({"task", "data"})
"""Keys that no result file states."""
SCOPE = frozenset({"limit", "split", "splits", "subsets"})
"""Keys that say how much was evaluated: their absence says something too."""
LISTS = frozenset({"def", "set"})
"""Keys whose value is a list of names with values."""


def differing_settings(first: Record, second: Record) -> str:
    """Settings in which two scores differ, for example ``version 2 / 3, limit 0.1 / none``.

    Empty for two scores that evalsuite measured: their signatures are complete, and stand in every
    table. Of a measured and an imported score, what only one of them states counts where it says
    how much was evaluated, or what finds clusters.
    """
    if first.origin is None and second.origin is None:
        return ""
    one, two = _settings(first), _settings(second)
    both_imported = first.origin is not None and second.origin is not None
    found = []
    for key in dict.fromkeys((*one, *two)):
        a, b = one.get(key), two.get(key)
        alone = a is None or b is None
        counts = both_imported or key in SCOPE or "scikit-learn" in f"{a}{b}"
        if a != b and (counts or not alone):
            absent = "none" if key in SCOPE else "not stated"
            found.append(f"{key} {a or absent} / {b or absent}")
    return ", ".join(found)


def _settings(record: Record) -> Mapping[str, str]:
    """Key → value of what is stated of a score."""
    found: dict[str, str] = {}
    for key, value in parts(record.signature).items():
        if key in NOT_COMPARED or value == NOT_STATED:
            continue
        if key in LISTS:
            found.update(_pair(item) for item in value.split(", "))
        else:
            # A version of a task file that evalsuite ships is not a setting of the harness.
            found[key] = value.partition("+")[0] if key == "harness" else value
    return found


def _pair(item: str) -> tuple[str, str]:
    name, _, value = item.partition(" ")
    return name, value
