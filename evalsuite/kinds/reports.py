"""What single kinds add to the reports: tables, rows, figures and claims of their own.

``report/`` and ``commands/`` ask here, so that they need not know any kind. An entry is
``module:function``; the module is imported when a report needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from evalsuite.registry.suites import Suite
    from evalsuite.results.claims import Claim
    from evalsuite.results.rows import RowPlan
    from evalsuite.results.tables.model import Note, Table
    from evalsuite.schema import Record

    MakeTable = Callable[[Sequence[Record], Suite], Table]
    """From the records of a suite to its whole table."""
    MakeRows = Callable[[Sequence[Record], Iterable[str]], tuple[list[RowPlan], list[Note]]]
    """From the records of a suite, and the names of its tasks whose score is a mean, to the rows
    of its table and to notes about them."""
    WriteFigure = Callable[[Sequence[Record], Path], list[Path]]
    """From all records and a folder to the files written; none where there is nothing to draw."""
    MakeClaim = Callable[[str, Sequence[Record]], Claim]
    """From the fingerprint of a checkpoint and all records to a claim about it."""

TABLES: Final = {"table7": "evalsuite.kinds.rag.report_table:method_table"}
"""Layout → makes the whole table (``MakeTable``)."""
ROWS: Final = {
    "table3": "evalsuite.kinds.rerank.report:reranked_rows",
    "table4": "evalsuite.kinds.mteb.report:example_rows",
}
"""Layout → makes the rows of the table (``MakeRows``)."""
FIGURES: Final = ("evalsuite.kinds.rag.report_figure:write_latency",)
"""Each draws a figure (``WriteFigure``)."""
CLAIMS: Final = ("evalsuite.kinds.rag.report_claim:faster_rag",)
"""Each answers a claim of the GRIT paper's abstract (``MakeClaim``)."""


def table_maker(layout: str | None) -> MakeTable | None:
    """What makes the table of a layout; ``None`` for tables with a row a checkpoint."""
    target = TABLES.get(layout or "")
    make: MakeTable | None = _load(target) if target else None
    return make


def rows_maker(layout: str | None) -> MakeRows | None:
    """What makes the rows of a layout; ``None`` for one row a checkpoint."""
    target = ROWS.get(layout or "")
    make: MakeRows | None = _load(target) if target else None
    return make


def figure_writers() -> list[WriteFigure]:
    """What draws the figures of single kinds."""
    return [_load(target) for target in FIGURES]


def claim_makers() -> list[MakeClaim]:
    """What answers the claims about single kinds."""
    return [_load(target) for target in CLAIMS]


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
