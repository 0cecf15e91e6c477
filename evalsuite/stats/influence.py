"""How much each item moves a metric: influence functions.

The influence of an item is what an infinitesimal more of it would add to the metric, times the
number of items; influences sum to zero. From them follow, for every metric alike, the standard
error (their root mean square over ``√n``: the infinitesimal jackknife, Efron, "The jackknife, the
bootstrap and other resampling plans", 1982), clustered ones (sums within clusters), and those of
differences between two models on the same items (differences of influences).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def mean_influence(x: ArrayLike) -> Floats:
    """Influences on a mean: ``x − mean(x)``, shape ``(n,)``."""
    values = np.asarray(x, dtype=np.float64)
    centred: Floats = values - values.mean()
    return centred


def spearman(gold: ArrayLike, predicted: ArrayLike) -> float:
    """Spearman's rank correlation, with average ranks for ties; NaN for a constant side.

    Args:
        gold: Gold scores, shape ``(n,)``.
        predicted: Predicted scores, shape ``(n,)``.
    """
    u = _centred_ranks(np.asarray(gold, dtype=np.float64))
    v = _centred_ranks(np.asarray(predicted, dtype=np.float64))
    spread = float(u @ u) * float(v @ v)
    return float(u @ v) / math.sqrt(spread) if spread else math.nan


def spearman_influence(gold: ArrayLike, predicted: ArrayLike) -> Floats | None:
    r"""Influences on Spearman's rank correlation.

    With mid-distribution ranks ``U = P(X < x) + P(X = x) / 2`` and ``V`` alike, Spearman's
    correlation with average ranks for ties is ``A / √(B·C)``, ``A = cov(U, V)``, ``B = var U``,
    ``C = var V``. The influence of an item ``(x₀, y₀)`` on ``A`` is::

        (U₀ − ½)(V₀ − ½) + E[k(x₀, X)(V − ½)] + E[k(y₀, Y)(U − ½)] − 3A

    with ``k(a, b) = 1[a < b] + ½·1[a = b]``, and on ``B`` and ``C`` the same with ``V = U`` and
    ``U = V``; the delta method joins them (the influence without ties: Croux and Dehon,
    "Influence functions of the Spearman and Kendall correlation measures", 2010). Unlike
    Fisher's ``z`` it assumes no distribution and holds for scores with ties.

    Args:
        gold: Gold scores, shape ``(n,)``.
        predicted: Predicted scores, shape ``(n,)``.

    Returns:
        Shape ``(n,)``; ``None`` for fewer than three items or a constant side.
    """
    first, second = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    n = first.size
    if n < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    u, v = _centred_ranks(first), _centred_ranks(second)
    a, b, c = float(u @ v) / n, float(u @ u) / n, float(v @ v) / n
    on_a = u * v + _mean_above(first, v) + _mean_above(second, u) - 3 * a
    on_b = u * u + 2 * _mean_above(first, u) - 3 * b
    on_c = v * v + 2 * _mean_above(second, v) - 3 * c
    rho = a / math.sqrt(b * c)
    influence: Floats = on_a / math.sqrt(b * c) - rho / 2 * (on_b / b + on_c / c)
    return influence


def average_precision_influence(labels: ArrayLike, scores: ArrayLike) -> Floats | None:
    r"""Influences on average precision: those of the jackknife.

    ``ψ_j = (n − 1)(mean(θ₋) − θ₋ⱼ)`` with ``θ₋ⱼ`` the average precision without item ``j``. For
    many items these are the infinitesimal ones; for few they see more of what a single item at
    the top of the ranking does, and cover better.

    All ``θ₋ⱼ`` come from three cumulative sums: without ``j``, the precision ``H/S`` at a
    positive item scored above ``j`` stays what it is, and at one scored no higher it is
    ``(H − y_j)/(S − 1)``. Items with equal scores enter together, as in scikit-learn.

    Args:
        labels: 0 or 1, shape ``(n,)``.
        scores: The higher, the more likely 1; shape ``(n,)``.

    Returns:
        Shape ``(n,)``; ``None`` where one of the labels is absent, or would be without one item.
    """
    y, s = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    n, positives = y.size, float(y.sum())
    if positives < 2 or positives == n:
        return None
    order = np.argsort(-s, kind="stable")
    y, ranked = y[order], -s[order]
    start = np.searchsorted(ranked, ranked, side="left")
    end = np.searchsorted(ranked, ranked, side="right")
    hits, seen = np.cumsum(y)[end - 1], end.astype(np.float64)
    # An item that stands alone at the top has no one left after it is taken out.
    one_less = np.divide(1.0, seen - 1, out=np.zeros(n), where=seen > 1)
    kept = _running(y * hits / seen)
    hits_left, seen_left = _running(y * hits * one_less), _running(y * one_less)
    above = kept[start]
    below = hits_left[-1] - hits_left[start] - y * (seen_left[-1] - seen_left[start])
    without = (above + below - y * (hits - 1) * one_less) / (positives - y)
    influence = np.empty(n)
    influence[order] = (n - 1) * (without.mean() - without)
    return influence


def _running(x: Floats) -> Floats:
    """Sum of what stands before each place, and of all; shape ``(n + 1,)``."""
    return np.concatenate(([0.0], np.cumsum(x)))


def _centred_ranks(x: Floats) -> Floats:
    """``P(X < x) + P(X = x)/2 − ½`` over the sample; sums to zero."""
    ordered = np.sort(x)
    below = np.searchsorted(ordered, x, side="left")
    through = np.searchsorted(ordered, x, side="right")
    ranks: Floats = (below + through) / (2 * x.size) - 0.5
    return ranks


def _mean_above(x: Floats, weights: Floats) -> Floats:
    """``mean_j k(x_i, x_j) · w_j`` for each ``i``: ties count half. Shape ``(n,)``."""
    order = np.argsort(x, kind="stable")
    ordered = x[order]
    total = np.concatenate(([0.0], np.cumsum(weights[order])))
    from_tie = total[-1] - total[np.searchsorted(ordered, x, side="left")]
    after_tie = total[-1] - total[np.searchsorted(ordered, x, side="right")]
    above: Floats = (from_tie + after_tie) / (2 * x.size)
    return above
