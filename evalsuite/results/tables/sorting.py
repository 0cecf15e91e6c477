"""The rows of a table, best first."""

from __future__ import annotations

from dataclasses import replace

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.results.tables.model import Row, Table


def sorted_by(table: Table, column: str) -> Table:
    """A table with its rows sorted by a column, the best first; groups of rows stay together.

    Rows without a score come last. Where lower values are better, the lowest comes first; where
    it is not known which are better, the highest.

    Args:
        table: The table.
        column: A column's label; ``Section/Label`` where several sections have that label.

    Raises:
        UsageError: If no column, or more than one, has that label.
    """
    index = _index(table, column)

    def key(row: Row) -> tuple[bool, float]:
        cell = row.cells[index]
        if cell.value is None:
            return True, 0.0
        lower = cell.score is not None and cell.score.metric.sign == -1
        return False, cell.value if lower else -cell.value

    rows = tuple(row for _, group in table.groups for row in sorted(group, key=key))
    return replace(table, rows=rows)


def _index(table: Table, column: str) -> int:
    places = [
        (f"{section.title}/{head.label}", head.label)
        for section in table.sections
        for head in section.columns
    ]
    found = [index for index, names in enumerate(places) if column in names]
    if not found:
        hint = did_you_mean(column, [label for _, label in places])
        raise UsageError(f"--sort: the table has no column {column!r}", hint)
    if len(found) > 1:
        names = " or ".join(f"--sort '{places[index][0]}'" for index in found)
        raise UsageError(f"--sort: {len(found)} columns are called {column!r}", f"use {names}")
    return found[0]
