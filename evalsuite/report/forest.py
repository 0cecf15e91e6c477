"""Forest plot: differences from a baseline with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.errors import UsageError
from evalsuite.report.figure_files import SERIES, legend_above, save
from evalsuite.results.compare.suite import SuiteComparison
from evalsuite.text import plain

ROW = 0.22
"""Inches a line."""


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """One difference in display units."""

    label: str
    average: bool
    values: tuple[tuple[float, float, float] | None, ...]
    """Δ and the ends of its interval, of each candidate."""

    @property
    def known(self) -> list[tuple[int, tuple[float, float, float]]]:
        """Number of a candidate, and its value, where it has one."""
        return [(index, value) for index, value in enumerate(self.values) if value is not None]


def difference_lines(comparisons: Sequence[SuiteComparison]) -> list[DifferenceLine]:
    """The differences that have an interval, tasks before averages."""
    found: dict[tuple[bool, str], list[tuple[float, float, float] | None]] = {}
    for index, comparison in enumerate(comparisons):
        for line in comparison.tasks:
            one = line.comparison
            if one.difference:
                factor = one.metric.factor
                ends = one.difference.interval()
                at = found.setdefault((False, one.task), [None] * len(comparisons))
                at[index] = (factor * one.delta, factor * ends.low, factor * ends.high)
        for mean in comparison.averages:
            if mean.difference:
                ends = mean.difference.interval()
                key = (True, f"{mean.section}: {mean.label}")
                at = found.setdefault(key, [None] * len(comparisons))
                at[index] = (100 * mean.difference.delta, 100 * ends.low, 100 * ends.high)
    ordered = sorted(found.items(), key=lambda item: item[0][0])
    return [DifferenceLine(plain(label, 48), average, tuple(v)) for (average, label), v in ordered]


def forest(comparisons: Sequence[SuiteComparison], *paths: Path) -> None:
    """Draw the differences.

    Raises:
        UsageError: For an unknown suffix, or if no difference has an interval.
        StoreError: If a file cannot be written.
    """
    drawn = difference_lines(comparisons)
    if not drawn:
        raise UsageError("no difference has an interval", "compare checkpoints with samples")
    save(lambda: forest_figure(comparisons, drawn), paths)


def forest_figure(comparisons: Sequence[SuiteComparison], drawn: Sequence[DifferenceLine]) -> Any:
    """The figure as a ``matplotlib.figure.Figure`` with one ``Axes``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = ROW * (len(drawn) + 1) + 0.9
    figure = Figure(figsize=(6.4, height), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    step = 0.6 / max(1, len(comparisons))
    for index, comparison in enumerate(comparisons):
        colour, shape = SERIES[index % len(SERIES)]
        shift = (index - (len(comparisons) - 1) / 2) * step
        places = [(at + shift, line.values[index]) for at, line in enumerate(drawn)]
        known = [(at, value) for at, value in places if value is not None]
        axes.errorbar(
            [value[0] for _, value in known],
            [at for at, _ in known],
            xerr=[
                [value[0] - value[1] for _, value in known],
                [value[2] - value[0] for _, value in known],
            ],
            fmt=shape,
            markersize=4,
            color=colour,
            elinewidth=1,
            label=plain(comparison.second, 40),
        )
        if comparison.margin is not None and index == 0:
            axes.axvspan(
                -100 * comparison.margin, 100 * comparison.margin, color="#eeeeee", zorder=0
            )
    axes.axvline(0, color="#444444", linewidth=0.8)
    axes.set_yticks(range(len(drawn)), [line.label for line in drawn], parse_math=False)
    for text, line in zip(axes.get_yticklabels(), drawn, strict=True):
        text.set_fontweight("bold" if line.average else "normal")
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    base = plain(comparisons[0].first, 40)
    axes.set_xlabel(f"Δ against {base}, 95 % interval", parse_math=False)
    if len(comparisons) > 1:
        legend_above(figure)
    return figure
