"""What each layout of a table shows: under which title, which columns, and how turned.

A layout about one kind of task also has rows, or a whole table, of its own
(``evalsuite.kinds.reports``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from evalsuite.layouts import LayoutName
from evalsuite.results.columns import Layout, column_per_task, first_section, of_world


def all_columns(layout: Layout) -> Layout:
    """All columns of the suite."""
    return layout


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """How a table of one layout is arranged."""

    title: str
    """Stands in the table's title, after the name of the suite."""
    suite: str
    """Suite that the layout is about, unless another is named."""
    columns: Callable[[Layout], Layout] = all_columns
    """Takes the columns to show from those of the suite."""
    row_per_dataset: bool = False
    """Whether rows and columns change places: one line for each data set."""


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
    "table3": TableLayout(
        title="as in Table 3 of the GRIT paper",
        suite="grit-rerank",
        columns=first_section,
        row_per_dataset=True,
    ),
    "table4": TableLayout(
        title="as in Table 4 of the GRIT paper",
        suite="grit-shots",
        columns=first_section,
        row_per_dataset=True,
    ),
    "table7": TableLayout(title="as in Table 7 of the GRIT paper", suite="grit-rag"),
    "per-dataset": TableLayout(
        title="by data set", suite="grit", columns=column_per_task, row_per_dataset=True
    ),
}
"""Layouts by name."""
