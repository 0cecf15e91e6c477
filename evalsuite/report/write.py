"""All tables and figures of some records, as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from evalsuite.kinds.reports import figure_writers
from evalsuite.registry.suites import Suite
from evalsuite.report.bars import bars_figure
from evalsuite.report.figure_files import save
from evalsuite.report.figures import drawable, points, scatter_figure
from evalsuite.report.files import write_whole
from evalsuite.report.render import to_csv, to_html, to_latex, to_markdown
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Note, Table
from evalsuite.schema import Record, digest

FIGURES = ("figure.svg", "figure.pdf", "figure.png")
_HEAD = 4096
"""Characters of an SVG that are sure to hold its metadata."""


def write_all(
    records: Iterable[Record],
    suite: Suite | None,
    folder: Path,
    *,
    categories: Mapping[str, str | None] | None = None,
) -> list[Path]:
    """Write ``table.{md,tex,html,csv}`` and ``figure.{svg,pdf,png}``.

    Figures of single kinds of task are drawn beside them, such as ``latency.{svg,pdf,png}`` for
    retrieval-augmented generation.

    ``figure`` shows embedding against generative averages, or bars where one of the two is
    lacking. Without a score it is not drawn, and an older figure is removed, since it would belong
    to other scores.

    Args:
        records: What the store holds.
        suite: Columns and averages.
        folder: Where to; made if need be.
        categories: Task → category, from the registry.

    Returns:
        The files written.

    Raises:
        StoreError: If the folder cannot be written.
    """
    kept = list(records)
    table = build_table(kept, suite, categories=categories)
    figures = [path for write in figure_writers() for path in write(kept, folder)]
    figures += _figure(table, folder)
    if not figures:
        note = Note(text="no figure: there is no score to draw")
        table = replace(table, notes=(*table.notes, note))
    texts = {
        "table.md": to_markdown(table),
        "table.tex": to_latex(table),
        "table.html": to_html(table),
        "table.csv": to_csv(table),
    }
    written = [write_whole(folder / name, text.encode()) for name, text in texts.items()]
    return written + figures


def _figure(table: Table, folder: Path) -> list[Path]:
    """Draw the figure that the scores suffice for; returns its files."""
    svg, *others = paths = [folder / name for name in FIGURES]
    found = points(table)
    if not any(cell.value is not None for row in table.rows for cell in row.cells):
        for path in paths:
            path.unlink(missing_ok=True)
        return []
    shown: object = found if drawable(found) else (table.sections, table.rows, table.decimals)
    draw = partial(scatter_figure, found) if drawable(found) else partial(bars_figure, table)
    identifier = f"evalsuite {version('evalsuite')} {digest(repr(shown))}"
    if not _up_to_date(identifier, paths):
        save(draw, (*others, svg), identifier)  # the SVG last: it vouches for the others
    return paths


def _up_to_date(identifier: str, paths: list[Path]) -> bool:
    """Whether the files show these very scores: drawing takes longer than all else here."""
    if not all(path.is_file() for path in paths):
        return False
    with paths[0].open(encoding="utf-8", errors="replace") as stream:
        return identifier in stream.read(_HEAD)
