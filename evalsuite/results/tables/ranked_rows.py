"""Columns that rank the rows of a table: filled when the scores of all rows are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalsuite.results.column_scores import RANK, borda
from evalsuite.results.columns import ColumnPlan, Layout
from evalsuite.results.means import DisplayScore, task_score
from evalsuite.results.rows import RowPlan
from evalsuite.results.tables.unranked_rows import UnrankedRow


def ranked(
    lines: Sequence[UnrankedRow], plans: Sequence[RowPlan], layout: Layout
) -> list[UnrankedRow]:
    """Measured rows with their ranks among each other.

    Args:
        lines: The rows, columns of ranks empty.
        plans: Their records.
        layout: The columns.
    """
    found = list(lines)
    place = 0
    for section in layout.sections:
        for column in section.columns:
            if column.ranks:
                found = _filled(found, place, _ranks(column, plans, layout))
            place += 1
        place += section.average is not None
    return found


def _ranks(column: ColumnPlan, plans: Sequence[RowPlan], layout: Layout) -> list[int | None]:
    return borda(
        [
            [task_score(task, plan.records, layout.means).value for task in column.tasks]
            for plan in plans
        ]
    )


def _filled(
    lines: Sequence[UnrankedRow], place: int, ranks: Sequence[int | None]
) -> list[UnrankedRow]:
    found = []
    for line, rank in zip(lines, ranks, strict=True):
        cells = list(line.cells)
        if rank is not None:
            score = DisplayScore(status="scored", value=float(rank), metric=RANK)
            cells[place] = replace(cells[place], score=score, text=str(rank))
        found.append(replace(line, cells=tuple(cells)))
    return found
