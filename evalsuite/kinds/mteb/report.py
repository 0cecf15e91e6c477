"""Table 4 of the GRIT paper: each checkpoint without and with an example in the instruction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.results.tables.model import Note
from evalsuite.schema import Record
from evalsuite.text import natural


def example_rows(
    records: Sequence[Record], means: Iterable[str]
) -> tuple[list[RowPlan], list[Note]]:
    """Each row twice: without and with one example in the instruction.

    Args:
        records: Of the table's tasks.
        means: Tasks whose score is a mean over others.

    Returns:
        The rows; no notes.
    """
    kept = frozenset(means)
    halves = []
    for shots, name in ((0, "no example"), (1, "one example")):
        mine = [_stated(r) for r in records if (r.signature.shots or 0) == shots]
        halves += [
            (natural(plan.name), shots, replace(plan, name=f"{plan.name}, {name}"))
            for plan in plan_rows(mine, kept)
        ]
    return [plan for *_, plan in sorted(halves, key=lambda half: half[:2])], []


def _stated(record: Record) -> Record:
    """A record without the number of examples, which the row's name states."""
    signature = record.signature.model_copy(update={"shots": None})
    return record.model_copy(update={"signature": signature})
