"""A record's samples as what statistics need: one influence and, where it has one, one score each.

The score is computed again from the samples. Where that does not give the stored score, the
samples are not used: a comparison of something else would be shown under its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.schema import Estimator, Record, digest
from evalsuite.stats import (
    average_precision_influence,
    mean_influence,
    spearman,
    spearman_influence,
    standard_error,
)

Floats = NDArray[np.float64]
Row = Mapping[str, Any]
Influences = Callable[[Sequence[Row]], tuple[float, Floats] | None]
"""From the rows of one stratum to the metric and its influences."""

MEAN_OVER_GROUPS = "mean_over_groups"
"""Key of a record's details: the score is defined as a mean over the samples' groups."""

SIDES = ("cosine", "dot", "manhattan", "euclidean")
"""Similarities of a pair, of which ``max_ap`` is the best."""

COLUMNS = ("sample", "subset", "group", "score", "gold", "label", *SIDES)
"""What is read of a record's samples: texts are not needed."""

SAME = 1e-4
"""Largest difference between a stored score and the one from its samples: mteb rounds some of its
scores to five decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The samples of one record, shape ``(n,)`` each."""

    ids: tuple[str, ...]
    influence: Floats
    weights: Floats
    """What a sample's score counts for: the score is ``mean(weights · values)``."""
    values: Floats | None
    """Scores of the samples; ``None`` for metrics that a single sample does not have (correlations,
    average precision)."""
    groups: tuple[str, ...] | None
    """What samples belong to that are not independent of each other."""
    prompts: str = ""
    """Hash over the names and prompts of the samples, in any order; empty where they have none."""
    parts: int = 1
    """Number of fixed parts (subsets, languages) that the score is a mean over."""

    @property
    def how(self) -> str:
        """How the standard error comes about, in words."""
        kind = "spread" if self.values is not None else "influences"
        if self.groups is None:
            units = f"{len(self.ids)} samples"
        else:
            units = f"{len(self.ids)} samples in {self.independent} groups"
        return f"{kind} of {units}" + (f", within {self.parts} parts" if self.parts > 1 else "")

    @property
    def stderr(self) -> float | None:
        """Standard error of the score, clustered by group."""
        return standard_error(self.influence, self.groups)

    @property
    def independent(self) -> int:
        """Number of samples or groups that are independent of each other."""
        return len(set(self.groups)) if self.groups else len(self.ids)


def sampled(record: Record, rows: Sequence[Row]) -> Sampled | None:
    """Read a record's samples.

    Args:
        record: A scored one.
        rows: Its samples, with at least those of the :data:`COLUMNS` that they have.

    Returns:
        ``None`` where the stored score does not follow from the samples.
    """
    if record.score is None or not rows:
        return None
    metric = record.main_metric or ""
    estimator = record.estimator or estimator_of_older_record(metric, rows)
    found = _influences(estimator, metric, rows)
    if found is None:
        return None
    for strata in _strata(record, rows):
        groups = _groups(rows, strata)
        joined = _joined(rows, strata, groups, found)
        if joined is None:
            continue
        score, influence, weights = joined
        if abs(score - record.score) <= SAME:
            return Sampled(
                ids=tuple(_identity(row) for row in rows),
                influence=influence,
                weights=weights,
                values=_column(rows, "score"),
                groups=groups,
                prompts=_prompts(rows),
                parts=len(set(strata)) if strata else 1,
            )
    return None


def estimator_of_older_record(metric: str, rows: Sequence[Row]) -> Estimator:
    """What an older record, which does not state its estimator, must have been made with.

    Args:
        metric: Its main metric.
        rows: Its samples; at least one.
    """
    if _column(rows, "score") is not None:
        return "mean"
    first = rows[0]
    if "gold" in first and "cosine" in first and metric.endswith("spearman"):
        return "spearman"
    if "label" in first and metric.endswith("_ap"):
        return "average_precision"
    return "other"


def _influences(estimator: Estimator, metric: str, rows: Sequence[Row]) -> Influences | None:
    """How the main metric comes from the rows of a stratum; ``None`` if not known."""
    if estimator == "mean":
        return _mean
    if estimator == "spearman":
        return lambda part: _ranked(part, "gold", "cosine", spearman_influence, spearman)
    if estimator == "average_precision":
        side = _side(metric, rows)
        return lambda part: _ranked(
            part, "label", side, average_precision_influence, _average_precision
        )
    return None


def _mean(rows: Sequence[Row]) -> tuple[float, Floats] | None:
    values = _column(rows, "score")
    return None if values is None else (float(values.mean()), mean_influence(values))


def _ranked(
    rows: Sequence[Row],
    gold: str,
    predicted: str,
    influences: Callable[[Floats, Floats], Floats | None],
    metric: Callable[[Floats, Floats], float],
) -> tuple[float, Floats] | None:
    x, y = _column(rows, gold), _column(rows, predicted)
    if x is None or y is None:
        return None
    found = influences(x, y)
    return None if found is None else (metric(x, y), found)


def _average_precision(labels: Floats, scores: Floats) -> float:
    """As scikit-learn has it: items with equal scores enter together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # of each run of equal scores
    seen = np.flatnonzero(last) + 1
    gained = np.diff(hits[last], prepend=0)
    return float((gained * hits[last] / seen).sum() / labels.sum())


def _side(metric: str, rows: Sequence[Row]) -> str:
    """Column of the similarity whose average precision is called ``metric``, as mteb names it."""
    side = metric.removesuffix("_ap")
    if side == "similarity":  # the model's own, which is the cosine
        return "cosine"
    return _best_side(rows) if side == "max" else side


def _best_side(rows: Sequence[Row]) -> str:
    labels = _column(rows, "label")
    columns = {side: column for side in SIDES if (column := _column(rows, side)) is not None}
    if labels is None or not columns:
        return "max"
    return max(columns, key=lambda side: _average_precision(labels, columns[side]))


def _strata(record: Record, rows: Sequence[Row]) -> list[list[str] | None]:
    """Ways in which a score may be a mean over parts, the likeliest first.

    Where all parts are of one size, the mean over them is the mean over all rows. Then it counts
    what the score is defined as: mteb's is a mean over subsets; lm-eval's says so.
    """
    by_subset, by_group = (
        [str(row[key]) for row in rows] if all(row.get(key) for row in rows) else []
        for key in ("subset", "group")
    )
    by_name = [str(row["sample"]).rpartition("/")[0] for row in rows]
    ways: list[list[str] | None] = [by_subset, None, by_group, by_name]
    if record.details.get(MEAN_OVER_GROUPS):
        ways.insert(0, by_group)
    return [way for way in ways if way is None or len(set(way)) > 1]


def _joined(
    rows: Sequence[Row],
    strata: Sequence[str] | None,
    groups: Sequence[str] | None,
    influences: Influences,
) -> tuple[float, Floats, Floats] | None:
    """Score, influences and weights of the unweighted mean over strata.

    A sample of a stratum of ``m`` out of ``n`` samples in ``k`` strata weighs ``n / (k·m)``.
    Influences are scaled so that the variance is that of a stratified sample, ``Σ s²_h/m_h / k²``
    with the divisor ``m_h − 1`` in each ``s²_h``, not one ``n − 1`` for all.
    """
    units = groups or [str(index) for index in range(len(rows))]
    whole = _unbiased(len(set(units)))
    parts: dict[str, list[int]] = {}
    for index, name in enumerate(strata or [""] * len(rows)):
        parts.setdefault(name, []).append(index)
    influence = np.zeros(len(rows))
    weights = np.zeros(len(rows))
    scores = []
    for indices in parts.values():
        found = influences([rows[index] for index in indices])
        if found is None:
            return None
        scores.append(found[0])
        weight = len(rows) / (len(parts) * len(indices))
        scale = _unbiased(len({units[index] for index in indices})) / whole
        influence[indices] = weight * scale * found[1]
        weights[indices] = weight
    return math.fsum(scores) / len(scores), influence, weights


def _unbiased(units: int) -> float:
    """Factor from the divisor ``units`` to ``units − 1``, of a standard deviation."""
    return math.sqrt(units / (units - 1)) if units > 1 else 1.0


def _groups(rows: Sequence[Row], strata: Sequence[str] | None) -> tuple[str, ...] | None:
    """The samples' groups; none where the score is a mean over just these groups.

    The groups of such a mean are fixed: the task does not draw languages or subtasks at random.
    """
    if not all(row.get("group") for row in rows):
        return None
    groups = tuple(str(row["group"]) for row in rows)
    fixed = strata is not None and len(set(zip(strata, groups, strict=True))) == len(set(strata))
    return None if fixed or len(set(groups)) < 2 else groups


def _column(rows: Sequence[Row], name: str) -> Floats | None:
    """A column of finite numbers; ``None`` where one is absent."""
    values = [row.get(name) for row in rows]
    if not all(issubclass(kind, Real) for kind in set(map(type, values))):
        return None
    column = np.array(values, dtype=np.float64)
    return column if np.isfinite(column).all() else None


def _prompts(rows: Sequence[Row]) -> str:
    """Hash over the names and prompts of some rows; empty where a row has no prompt."""
    if not all(row.get("prompt") for row in rows):
        return ""
    return digest(sorted((_identity(row), str(row["prompt"])) for row in rows))


def _identity(row: Row) -> str:
    """Name of a sample within its task."""
    subset, name = row.get("subset"), str(row["sample"])
    return f"{subset}\t{name}" if subset else name
