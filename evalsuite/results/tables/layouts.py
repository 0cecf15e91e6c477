"""What each layout of a table shows: which columns, which rows, under which title.

The layouts here suit tasks of every kind. A layout about one kind of task is made in that kind's
folder and named in ``evalsuite.kinds.layouts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Final

from evalsuite.kinds.layouts import LAYOUTS as OF_KINDS
from evalsuite.layouts import LayoutName
from evalsuite.registry.models import Suite
from evalsuite.results.layout import Layout, column_per_task, first_section, natural, of_world
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.results.scores import Scores
from evalsuite.results.tables.model import Note, Table
from evalsuite.schema import Record

Rows = tuple[list[RowPlan], list[Note]]
"""Rows of a table, and notes about how they differ."""


def one_row_each(scores: Scores) -> Rows:
    """One row for each checkpoint and protocol."""
    return scores.rows, []


def all_columns(layout: Layout) -> Layout:
    """All columns of the suite."""
    return layout


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """How a table of one layout is made."""

    title: str = ""
    """Stands in the table's title, after the name of the suite."""
    suite: str = ""
    """Suite that the layout is about, unless another is named."""
    columns: Callable[[Layout], Layout] = all_columns
    """Takes the columns to show from those of the suite."""
    rows: Callable[[Scores], Rows] = one_row_each
    """Makes the rows of the scores that are shown."""
    row_per_dataset: bool = False
    """Whether rows and columns change places: one line for each data set."""
    build: Callable[[Sequence[Record], Suite], Table] | None = None
    """Makes the whole table from the suite's records, for layouts that are no grid of tasks."""


def table_layout(name: LayoutName | None) -> TableLayout:
    """The layout of a name; for ``None`` one that shows all columns, one row a checkpoint."""
    if name is None:
        return ALL_COLUMNS
    if name in OF_KINDS:
        module, _, attribute = OF_KINDS[name].partition(":")
        found: TableLayout = getattr(import_module(module), attribute)
        return found
    return LAYOUTS[name]


def named(plan: RowPlan, part: str) -> RowPlan:
    """A row whose name says which part of a checkpoint's scores it shows."""
    return replace(plan, name=f"{plan.name}, {part}")


def example_rows(scores: Scores) -> Rows:
    """Two rows for each checkpoint: without and with one example in the instruction."""
    kept = frozenset(scores.layout.means)
    halves = []
    for shots, name in ((0, "no example"), (1, "one example")):
        mine = [_without_shots(r) for r in scores.records if (r.signature.shots or 0) == shots]
        halves += [(natural(plan.name), shots, named(plan, name)) for plan in plan_rows(mine, kept)]
    return [plan for *_, plan in sorted(halves, key=lambda half: half[:2])], []


def _without_shots(record: Record) -> Record:
    """A record without its number of examples, which the row's name states."""
    signature = record.signature.model_copy(update={"shots": None})
    return record.model_copy(update={"signature": signature})


ALL_COLUMNS: Final = TableLayout()
LAYOUTS: Final[dict[LayoutName, TableLayout]] = {
    "table1": TableLayout(
        title="as in Table 1 of the GRIT paper",
        suite="grit",
        columns=partial(of_world, world="embedding"),
    ),
    "table2": TableLayout(
        title="as in Table 2 of the GRIT paper",
        suite="grit",
        columns=partial(of_world, world="generative"),
    ),
    "table4": TableLayout(
        title="as in Table 4 of the GRIT paper",
        suite="grit-shots",
        columns=first_section,
        rows=example_rows,
        row_per_dataset=True,
    ),
    "per-dataset": TableLayout(
        title="by data set", suite="grit", columns=column_per_task, row_per_dataset=True
    ),
}
"""Layouts for tasks of every kind."""
