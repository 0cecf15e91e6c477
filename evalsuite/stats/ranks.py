"""Ranks with their uncertainty, and groups of models that the data cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalsuite.stats.influence import Floats

Booleans = NDArray[np.bool_]


def mcnemar_matrix(values: ArrayLike) -> Floats:
    """Exact two-sided McNemar p-values of each two of ``k`` models.

    Args:
        values: Right (1) or wrong (0) of each model on each item, shape ``(k, n)``.

    Returns:
        Shape ``(k, k)``, symmetric; see :func:`evalsuite.stats.mcnemar_p`.
    """
    from scipy.special import bdtr

    right = np.asarray(values, dtype=np.float64)
    won = right @ (1 - right).T
    fewer = np.minimum(won, won.T)
    found: Floats = np.minimum(1.0, 2 * bdtr(fewer, (won + won.T).astype(np.int64), 0.5))
    return found


def t_matrix(estimates: ArrayLike, stderrs: ArrayLike, groups: ArrayLike) -> Floats:
    """Two-sided p-values of "no difference" between each two of ``k`` estimates.

    Args:
        estimates: Shape ``(k,)``.
        stderrs: Standard errors of the differences, shape ``(k, k)``.
        groups: Independent items of each estimate, at least 2, shape ``(k,)``; the smaller number
            of a pair gives Student's t its degrees of freedom.

    Returns:
        Shape ``(k, k)``, symmetric; 0 where a difference has no error at all.
    """
    from scipy.special import stdtr

    theta, errors = np.asarray(estimates, dtype=np.float64), np.asarray(stderrs, dtype=np.float64)
    units = np.asarray(groups, dtype=np.float64)
    apart = np.abs(theta[:, None] - theta[None, :])
    reach = np.divide(apart, errors, out=np.full_like(apart, np.inf), where=errors > 0)
    reach[apart == 0] = 0.0
    found: Floats = 2 * stdtr(np.minimum(units[:, None], units[None, :]) - 1, -reach)
    return found


def better_than(estimates: ArrayLike, p_values: ArrayLike, significance: float = 0.05) -> Booleans:
    """Which models are shown to be better than which others.

    Of all ``k(k − 1)`` one-sided hypotheses "model i is no better than model j", those that
    Holm's step-down procedure rejects. The chance that any of them is rejected wrongly is at most
    ``significance``, however the estimates depend on each other and whichever models are equal.

    Args:
        estimates: The higher, the better; shape ``(k,)``.
        p_values: Two-sided, of "no difference", of tests that are symmetric under it; shape
            ``(k, k)``.
        significance: Chance of any wrong statement.

    Returns:
        Shape ``(k, k)``: whether the model of the row is better than that of the column.
    """
    theta = np.asarray(estimates, dtype=np.float64)
    found = np.zeros((theta.size, theta.size), dtype=np.bool_)
    first, second = np.nonzero(theta[:, None] > theta[None, :])
    p = np.asarray(p_values, dtype=np.float64)[first, second] / 2
    order = np.argsort(p, kind="stable")
    # The hypotheses in the other direction have p-values of a half or more: none is rejected.
    left = theta.size * (theta.size - 1) - np.arange(order.size)
    missed = np.flatnonzero(p[order] > significance / left)
    rejected = order[: missed[0]] if missed.size else order
    found[first[rejected], second[rejected]] = True
    return found


def rank_intervals(better: ArrayLike) -> list[tuple[int, int]]:
    """The ranks that each model may have.

    From 1 plus the number of models shown to be better, to ``k`` less the number of those shown
    to be worse. If no statement in ``better`` is wrong, all intervals hold the true ranks
    together (Mogstad, Romano, Shaikh and Wilhelm, "Inference for ranks with applications to
    mobility across neighbourhoods and academic achievement across countries", Review of Economic
    Studies 91, 2024).

    Args:
        better: From :func:`better_than`, shape ``(k, k)``.

    Returns:
        Best and worst rank of each model, from 1.
    """
    matrix = np.asarray(better, dtype=np.bool_)
    above, below = matrix.sum(axis=0), matrix.sum(axis=1)
    return [(1 + int(a), len(matrix) - int(b)) for a, b in zip(above, below, strict=True)]


def tie_groups(better: ArrayLike, order: Sequence[int]) -> list[tuple[int, ...]]:
    """The largest groups of models of which no two are told apart.

    A model may be in several. Two models share a group just if neither is shown to be better:
    the compact letter display of Piepho, "An algorithm for a letter-based representation of
    all-pairwise comparisons", Journal of Computational and Graphical Statistics 13 (2004), by
    inserting one difference after the other and absorbing what has become part of another group.

    Args:
        better: From :func:`better_than`, shape ``(k, k)``.
        order: The models, best first.

    Returns:
        Numbers of models, best first in each group; groups by their best, then by their worst.
    """
    matrix = np.asarray(better, dtype=np.bool_)
    apart = matrix | matrix.T
    groups: set[frozenset[int]] = {frozenset(order)}
    for place, one in enumerate(order):
        for two in order[place + 1 :]:
            if apart[one, two]:
                groups = _split(groups, one, two)
    rank = {model: place for place, model in enumerate(order)}

    def key(group: frozenset[int]) -> Any:
        places = sorted(rank[model] for model in group)
        return places[0], places[-1], places

    return [tuple(sorted(g, key=rank.__getitem__)) for g in sorted(groups, key=key) if g]


def _split(groups: set[frozenset[int]], one: int, two: int) -> set[frozenset[int]]:
    """Groups of which none holds both models; what is part of another one is left out."""
    both = [group for group in groups if one in group and two in group]
    kept = [group for group in groups if not (one in group and two in group)]
    for group in both:
        for part in (group - {two}, group - {one}):
            if not any(part <= other for other in kept):
                kept.append(part)
    return set(kept)
