"""Figure 5 of the GRIT paper: seconds per answer as the question or the document grows.

Medians with their intervals, one panel each for growing questions and growing documents; one
figure a record. The time axis begins at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.kinds.rag.result import LatencyResult, TimedCell, has_latency, latency_result
from evalsuite.kinds.rag.task import Method
from evalsuite.report.figure_files import STYLE, save
from evalsuite.schema import Record, digest
from evalsuite.text import plain

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


class Panel(NamedTuple):
    """One side of the figure: the length of one text grows, the other text has one token."""

    grows: Callable[[TimedCell], int]
    """The length on the axis."""
    stays: Callable[[TimedCell], int]
    """The length that is 1."""
    label: str
    """Of the axis."""


PANELS: Final = (
    Panel(lambda cell: cell.query, lambda cell: cell.document, "Question, tokens (document: 1)"),
    Panel(lambda cell: cell.document, lambda cell: cell.query, "Document, tokens (question: 1)"),
)
FIGURES: Final = ("latency.svg", "latency.pdf", "latency.png")


def latency_records(records: Iterable[Record]) -> list[Record]:
    """Those with a grid of latencies, the newest of each checkpoint under each protocol.

    Another device, precision or length to embed is another protocol.
    """
    newest: dict[tuple[str, str], Record] = {}
    for record in sorted(records, key=lambda record: record.created):
        if has_latency(record):
            newest[record.checkpoint.fingerprint, digest(record.signature.protocol)] = record
    return list(newest.values())


def write_latency(records: Iterable[Record], folder: Path) -> list[Path]:
    """Draw the figure as ``latency.{svg,pdf,png}``; a row of panels a record.

    Args:
        records: Those without latencies are left out.
        folder: Where to; made if need be.

    Returns:
        The files written; none where no record has latencies.

    Raises:
        StoreError: If a file cannot be written.
    """
    kept = latency_records(records)
    if not kept:
        return []
    paths = [folder / name for name in FIGURES]
    save(lambda: latency_figure(kept), paths)
    return paths


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
            latency = latency_result(record)
            for axes, panel in zip(row, PANELS, strict=True):
                _panel(axes, latency, panel)
            signature = record.signature
            where = f"{signature.device.upper()}, {signature.dtype}"
            if signature.max_length and signature.max_length < latency.longest:
                where += f", embedded up to {signature.max_length}"
            row[0].set_ylabel(f"Seconds per answer\n{plain(record.checkpoint.name)}, {where}")
            row[0].set_ylim(bottom=0)
    return figure


def _panel(axes: Any, latency: LatencyResult, panel: Panel) -> None:
    lengths = sorted(latency.lengths)
    cells = [cell for cell in latency.cells if panel.stays(cell) == 1]
    for method, (name, color, marker) in LINES.items():
        line = sorted((cell for cell in cells if cell.method == method), key=panel.grows)
        # At the greatest length all methods are timed; a line has more than that point.
        if len(line) < len(lengths):
            continue
        x = [panel.grows(cell) for cell in line]
        axes.plot(x, [c.median for c in line], color=color, marker=marker, ms=3.5, label=name)
        low, high = [c.low for c in line], [c.high for c in line]
        axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.set_xlabel(panel.label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    if axes.lines:
        axes.legend(frameon=False, fontsize=6.5)
