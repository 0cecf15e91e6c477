"""From what a person calls a checkpoint to its records."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.results.rows import RowPlan


def choose(rows: Sequence[RowPlan], name: str) -> RowPlan:
    """Find a row of the table.

    Args:
        rows: The rows of a suite's table.
        name: The checkpoint's name, or the first digits of its fingerprint. Where it was
            evaluated under several protocols, ``NAME/PART``, with a part of what sets the row
            apart: ``smollm2/attn:causal``.

    Raises:
        UsageError: If there is no such row, or more than one.
    """
    wanted, _, part = name.partition("/")
    found = [row for row in rows if row.name == name]
    if not found:
        found = [
            row
            for row in rows
            if (row.name == wanted or (len(wanted) >= 6 and row.fingerprint.startswith(wanted)))
            and part in row.difference
        ]
    if not found:
        known = dict.fromkeys(row.name for row in rows)
        raise UsageError(f"no scores of {name!r} are stored here", did_you_mean(name, known))
    if len(found) > 1:
        apart = " or ".join(f"{wanted}/{row.difference.split(', ')[0]}" for row in found)
        raise UsageError(
            f"{name!r} was evaluated under {len(found)} protocols", f"name one: {apart}"
        )
    return found[0]
