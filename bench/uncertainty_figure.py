"""Coverage and power as one figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from uncertainty_coverage import GOAL

GOOD, OTHER, BAND = "#0072b2", "#d55e00", "#e8eef4"


def draw(result: dict[str, Any], path: Path) -> None:
    """Write coverage by family (left) and power by samples that change anyway (right)."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _coverage(left, result)
    _power(right, result)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _coverage(axes: Any, result: dict[str, Any]) -> None:
    families = [row["family"] for row in reversed(result["families"])]
    axes.axvspan(100 * GOAL[0], 100 * GOAL[1], color=BAND, zorder=0)
    axes.axvline(95, color="white", linewidth=1, zorder=1)
    for key, color, marker, label, shift in (
        ("plain_t", OTHER, "x", "score ± t · standard error", -0.15),
        ("coverage", GOOD, "o", "as shown", 0.15),
    ):
        lines = result["coverage"]
        axes.scatter(
            [max(100 * line[key], 87) for line in lines],
            [families.index(line["family"]) + shift for line in lines],
            c=color,
            marker=marker,
            s=16,
            linewidths=1,
            label=label,
            zorder=2,
        )
    axes.set_yticks(range(len(families)), families)
    axes.set_xlim(86.5, 100)
    axes.set_xlabel("coverage of 95 % intervals, %  (left edge: 87 or less)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.12), ncols=2, frameon=False, fontsize=8)


def _power(axes: Any, result: dict[str, Any]) -> None:
    axes.axhline(80, color="0.6", linewidth=1, linestyle=":")
    tasks = dict.fromkeys((row["task"], row["checkpoint"]) for row in result["power"])
    for task, checkpoint in tasks:
        rows = [r for r in result["power"] if (r["task"], r["checkpoint"]) == (task, checkpoint)]
        style = "-" if rows[0]["right_or_wrong"] else "--"
        x = [100 * row["changed"] for row in rows]
        axes.plot(x, [100 * row["paired"] for row in rows], style, color=GOOD, marker="o", ms=3)
        axes.plot(x, [100 * row["unpaired"] for row in rows], style, color=OTHER, marker="x", ms=4)
    for color, marker, style, label in (
        (GOOD, "o", "-", "paired"),
        (OTHER, "x", "-", "unpaired"),
        ("0.3", "", "-", "right or wrong"),
        ("0.3", "", "--", "graded"),
    ):
        axes.plot([], [], style, color=color, marker=marker, label=label)
    axes.set_ylim(0, 102)
    axes.set_xlabel("samples that change anyway, %")
    axes.set_ylabel("drop of 3 points found, %")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.12), ncols=4, frameon=False, fontsize=8)
