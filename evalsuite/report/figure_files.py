"""What all figures share: their style, their colours, and how they become files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from evalsuite.errors import UsageError
from evalsuite.report.files import write_whole

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "svg.hashsalt": "evalsuite",
    "svg.fonttype": "none",  # text stays text: searchable, and set in the document's size
    "pdf.fonttype": 42,
}
BLUE, ORANGE, GREEN, PINK, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
"""Colours of Okabe and Ito, which colour-blind readers can distinguish; shapes differ as well."""
SERIES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PINK, "D"), (SKY, "v"))
"""Colour and marker of each series of a figure; further series begin again."""

MOST_CHARACTERS = 110
"""Of a line of a legend."""

METADATA: dict[str, dict[str, None]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {},
}
"""Formats by suffix, without dates: the same data gives the same bytes."""


def style() -> AbstractContextManager[None]:
    """Inside it, matplotlib draws in evalsuite's style."""
    import matplotlib as mpl

    return mpl.rc_context(STYLE)


def legend_above(figure: Any) -> None:
    """Put the series of a figure's first ``Axes`` above it; names are text, not mathematics."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    longest = max(map(len, labels))
    columns = max(1, min(len(labels), MOST_CHARACTERS // (longest + 6)))
    legend = figure.legend(
        handles, labels, loc="outside upper center", ncols=columns, frameon=False, fontsize=7
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def save(draw: Callable[[], Any], paths: Sequence[Path], identifier: str | None = None) -> None:
    """Draw a figure and write it to files.

    Args:
        draw: Makes the ``matplotlib.figure.Figure``; called in evalsuite's style.
        paths: Files to write; the suffix (``.svg``, ``.pdf``, ``.png``) chooses the format.
        identifier: Names in an SVG the data that it was drawn from.

    Raises:
        UsageError: For another suffix.
        StoreError: If a file cannot be written.
    """
    for path in paths:
        if path.suffix not in METADATA:
            raise UsageError(
                f"{path.name}: unknown figure format", f"use one of {', '.join(METADATA)}"
            )
    with style():
        figure = draw()
        for path in paths:
            out = io.BytesIO()
            metadata: dict[str, str | None] = dict(METADATA[path.suffix])
            if identifier and path.suffix == ".svg":
                metadata["Identifier"] = identifier
            kind = path.suffix.removeprefix(".")
            figure.savefig(out, format=kind, dpi=300, metadata=metadata)
            write_whole(path, out.getvalue())
