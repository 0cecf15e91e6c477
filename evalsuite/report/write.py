"""All tables and figures of some records, as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from evalsuite.kinds.reports import figure_writers
from evalsuite.registry.suites import Suite
from evalsuite.report.figures import drawable, points, scatter, up_to_date
from evalsuite.report.files import write_whole
from evalsuite.report.render import to_csv, to_html, to_latex, to_markdown
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Note
from evalsuite.schema import Record

FIGURES = ("figure.svg", "figure.pdf", "figure.png")


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

    Without an average in each world ``figure`` is not drawn: the table says so, and an older
    figure is removed, since it would belong to other scores.

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
    found = points(table)
    of_kinds = [path for write in figure_writers() for path in write(kept, folder)]
    figures = [folder / name for name in FIGURES]
    if not drawable(found) and not of_kinds:
        note = Note(
            text="no figure: it needs an embedding and a generative average (evalsuite plot draws "
            "bars)"
        )
        table = replace(table, notes=(*table.notes, note))
    texts = {
        "table.md": to_markdown(table),
        "table.tex": to_latex(table),
        "table.html": to_html(table),
        "table.csv": to_csv(table),
    }
    written = [write_whole(folder / name, text.encode()) for name, text in texts.items()]
    written += of_kinds
    if drawable(found):
        svg, *others = figures
        if not up_to_date(found, svg, *others):
            scatter(found, *others, svg)  # the SVG last: it vouches for the others
        return written + figures
    for path in figures:
        path.unlink(missing_ok=True)
    return written
