"""Figure 5 of the GRIT paper: seconds per answer as the question or the document grows.

Medians with their intervals, one panel each for growing questions and growing documents; one
figure a record. The time axis begins at 0.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import UsageError
from evalsuite.kinds.rag.task import Method
from evalsuite.report.figures import METADATA, STYLE
from evalsuite.report.files import write_whole
from evalsuite.report.text import plain
from evalsuite.schema import Record, digest

LINES: Final[dict[Method, tuple[str, str, str]]] = {
    "none": ("No retrieval", "#595959", "o"),
    "query-doc": ("RAG", "#D55E00", "s"),
    "doc-query": ("RAG", "#D55E00", "s"),
    "query-cache": ("Query caching", "#0072B2", "^"),
    "doc-cache": ("Doc caching", "#0072B2", "v"),
    "query-doc-cache": ("Query-doc caching", "#009E73", "D"),
    "doc-query-cache": ("Doc-query caching", "#CC79A7", "P"),
}
"""Method → label, colour (Okabe and Ito) and marker."""
PANELS: Final = (
    ("query", "document", "Question, tokens (document: 1)"),
    ("document", "query", "Document, tokens (question: 1)"),
)
"""Side that grows, side that stays at one token, and the label of the axis."""
FIGURES: Final = ("latency.svg", "latency.pdf", "latency.png")


def latency_records(records: Iterable[Record]) -> list[Record]:
    """Those with a grid of latencies, the newest of each checkpoint under each protocol.

    Another device, precision or length to embed is another protocol.
    """
    newest: dict[tuple[str, str], Record] = {}
    for record in sorted(records, key=lambda record: record.created):
        if record.score is not None and record.task.get("rag", {}).get("latency") is not None:
            newest[record.checkpoint.fingerprint, digest(record.signature.protocol)] = record
    return list(newest.values())


def draw_latency(records: Sequence[Record], *paths: Path) -> None:
    """Draw the figure; a row of panels a record.

    Args:
        records: From :func:`latency_records`; at least one.
        paths: Files to write; the suffix (``.svg``, ``.pdf``, ``.png``) chooses the format.

    Raises:
        UsageError: For another suffix.
        StoreError: If a file cannot be written.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = latency_figure(records)
        for path in paths:
            if path.suffix not in METADATA:
                raise UsageError(
                    f"{path.name}: unknown figure format", f"use one of {', '.join(METADATA)}"
                )
            out = io.BytesIO()
            kind = path.suffix.removeprefix(".")
            figure.savefig(out, format=kind, dpi=300, metadata=METADATA[path.suffix])
            write_whole(path, out.getvalue())


def latency_figure(records: Sequence[Record]) -> Any:
    """The figure as a ``matplotlib.figure.Figure`` with two ``Axes`` a record."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 2.9 * len(records)), dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(records), 2, sharey="row", squeeze=False)
        for record, row in zip(records, grid, strict=True):
            for axes, panel in zip(row, PANELS, strict=True):
                _panel(axes, record, *panel)
            signature = record.signature
            where = f"{signature.device.upper()}, {signature.dtype}"
            if signature.max_length and signature.max_length < max(record.raw["lengths"]):
                where += f", embedded up to {signature.max_length}"
            row[0].set_ylabel(f"Seconds per answer\n{plain(record.checkpoint.name)}, {where}")
            row[0].set_ylim(bottom=0)
    return figure


def _panel(axes: Any, record: Record, grows: str, stays: str, label: str) -> None:
    lengths = sorted(record.raw["lengths"])
    cells = [cell for cell in record.raw["cells"] if cell[stays] == 1]
    for method, (name, color, marker) in LINES.items():
        line = sorted(
            (cell for cell in cells if cell["method"] == method), key=lambda cell: cell[grows]
        )
        # At the greatest length all methods are timed; a line has more than that point.
        if len(line) < len(lengths):
            continue
        x = [cell[grows] for cell in line]
        axes.plot(x, [c["median"] for c in line], color=color, marker=marker, ms=3.5, label=name)
        axes.fill_between(
            x, [c["low"] for c in line], [c["high"] for c in line], color=color, alpha=0.2, lw=0
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    if axes.lines:
        axes.legend(frameon=False, fontsize=6.5)
