"""Which part of a suite a table shows, in which convention, and beside what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalsuite.registry.suites import Convention, Suite

if TYPE_CHECKING:
    from evalsuite.results.published import PublishedTable

LayoutName = Literal["table1", "table2", "table3", "table4", "table7", "per-dataset"]
"""``table1``: the embedding columns; ``table2``: the generative columns (both as in the GRIT
paper); ``table3``: with and without reranking; ``table4``: with and without an example in the
instruction (both a line a data set, as in the paper); ``table7``: a line a way of using what was
retrieved; ``per-dataset``: one line a data set, one column a checkpoint."""

TITLES: dict[LayoutName, str] = {
    "table1": "as in Table 1 of the GRIT paper",
    "table2": "as in Table 2 of the GRIT paper",
    "table3": "as in Table 3 of the GRIT paper",
    "table4": "as in Table 4 of the GRIT paper",
    "table7": "as in Table 7 of the GRIT paper",
    "per-dataset": "by data set",
}
"""How a table's title names its layout."""

BY_DATASET: frozenset[LayoutName | None] = frozenset({"table3", "table4", "per-dataset"})
"""Layouts with a line a data set."""

PAPER_SUITES: dict[LayoutName, str] = {
    "table1": "grit",
    "table2": "grit",
    "table3": "grit-rerank",
    "table4": "grit-shots",
    "table7": "grit-rag",
    "per-dataset": "grit",
}
"""Suite that a layout is about, unless another is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a table is to look."""

    layout: LayoutName | None = None
    """``None``: all columns of the suite."""
    convention: Convention | None = None
    """``None``: the suite's."""
    published: PublishedTable | None = None
    """Published rows that stand above the others."""

    def convention_for(self, suite: Suite | None) -> Convention:
        """The convention that counts in a table of ``suite``."""
        return self.convention or (suite.convention if suite else "paper")
