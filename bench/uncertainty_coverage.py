"""Do the intervals cover? Shares of resamples whose interval holds the score over all items."""

from __future__ import annotations

from typing import Any

import numpy as np

from evalsuite.results.uncertainty import score_interval
from evalsuite.schema import Record
from evalsuite.stats import interval, standard_error
from uncertainty_sources import Population

GOAL = (0.93, 0.97)
SMALL = 200
"""A second sample size for larger tasks: what ``--limit 200`` gives."""


def coverage(population: Population, like: Record, draws: int, seed: int) -> list[dict[str, Any]]:
    """Coverage of the 95 % interval that records show, and of Student's plain one beside it.

    Items (or clusters) are drawn with replacement; all items are the population, and the score
    over them is what the interval should hold.

    Args:
        population: What to draw from.
        like: A record to show the interval of.
        draws: Resamples.
        seed: Of the resampling.

    Returns:
        One line a sample size: the task's own and, for larger tasks, 200.
    """
    sizes = [population.units]
    if population.units > 2 * SMALL:
        sizes.append(SMALL)
    whole = population.estimate(np.arange(len(population.columns[0])))
    if whole is None:
        return []
    return [_covered(population, like, whole[0], size, draws, seed) for size in sizes]


def _covered(
    population: Population, like: Record, truth: float, size: int, draws: int, seed: int
) -> dict[str, Any]:
    rng = np.random.default_rng([seed, size])
    held, plain, tried, below = 0, 0, 0, 0
    widths = []
    for _ in range(draws):
        picked = rng.integers(0, population.units, size)
        index, groups = picked, None
        if population.groups:
            members = [population.groups[unit] for unit in picked]
            index = np.concatenate(members)
            groups = np.repeat(np.arange(size), [len(part) for part in members]).tolist()
        found = population.estimate(index)
        error = standard_error(found[1], groups) if found else None
        if found is None or error is None:
            continue
        tried += 1
        record = like.model_copy(
            update={
                "score": found[0],
                "stderr": error,
                "n": len(index),
                "groups": size if groups else None,
                "main_metric": population.metric,
            }
        )
        shown = score_interval(record)
        assert shown is not None
        held += truth in shown
        below += truth < shown.low
        plain += truth in interval(found[0], error, size)
        widths.append(shown.high - shown.low)
    return {
        "family": population.family,
        "task": population.task,
        "checkpoint": population.checkpoint,
        "units": size,
        "clustered": population.groups is not None,
        "score": truth,
        "draws": tried,
        "half_width": float(np.median(widths)) / 2,
        "coverage": held / tried,
        "too_high": below / tried,
        "plain_t": plain / tried,
    }


def by_family(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Coverage over all resamples of each family of metrics, and the lowest and highest line."""
    found = []
    for family in sorted({line["family"] for line in lines}):
        mine = [line for line in lines if line["family"] == family]
        shares = [line["coverage"] for line in mine]
        found.append(
            {
                "family": family,
                "populations": len(mine),
                "coverage": float(np.mean(shares)),
                "lowest": min(shares),
                "highest": max(shares),
                "outside": sum(not GOAL[0] <= share <= GOAL[1] for share in shares),
                "plain_t": float(np.mean([line["plain_t"] for line in mine])),
                "met": GOAL[0] <= float(np.mean(shares)) <= GOAL[1],
            }
        )
    return found
