"""The figures of ``evalsuite plot``, by the name of their kind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import get_args

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.layouts import TableFigure
from evalsuite.report.figure_files import save
from evalsuite.report.figures import drawable, points, scatter
from evalsuite.results.tables.model import Table


def usual_kind(table: Table) -> TableFigure:
    """``scatter`` where there is an average in each world, else ``bars``."""
    return "scatter" if drawable(points(table)) else "bars"


def draw(kind: TableFigure, table: Table, steps: Mapping[str, int | None], *paths: Path) -> None:
    """Draw a figure of a table.

    Args:
        kind: Which figure.
        table: The scores.
        steps: Fingerprint of a checkpoint → its training step.
        paths: Files to write; the suffix (``.svg``, ``.pdf``, ``.png``) chooses the format.

    Raises:
        UsageError: For another suffix, or if the scores do not suffice for the figure.
        StoreError: If a file cannot be written.
    """
    if kind not in get_args(TableFigure):
        hint = did_you_mean(kind, get_args(TableFigure))
        raise UsageError(f"a table has no figure of the kind {kind!r}", hint)
    if kind == "scatter":
        scatter(table, *paths)
        return
    from evalsuite.report.bars import bars_figure
    from evalsuite.report.heat import heat_figure
    from evalsuite.report.steps import steps_figure

    figures = {
        "bars": partial(bars_figure, table),
        "heat": partial(heat_figure, table),
        "steps": partial(steps_figure, table, steps),
    }
    save(figures[kind], paths)
