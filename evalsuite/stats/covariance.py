"""How the metrics of several models on the same items vary together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.stats.errors import group_sums
from evalsuite.stats.influence import Floats


def covariance(influences: ArrayLike, groups: Sequence[Hashable] | None = None) -> Floats | None:
    """Covariance of the metrics of ``k`` models on the same ``n`` items.

    ``G/(G − 1) · Σ_g S_g S_gᵀ / n²`` with ``S_g`` the sums of the influences over the items of
    group ``g``: the matrix whose diagonal holds the squares of
    :func:`evalsuite.stats.standard_error`, and from which ``c_ii + c_jj − 2c_ij`` is the square
    of the standard error of :func:`evalsuite.stats.paired`.

    Args:
        influences: Of each item on each model's metric, shape ``(k, n)``.
        groups: The group of each item, where items belong together.

    Returns:
        Shape ``(k, k)``, in the square of the metric's unit; ``None`` for fewer than two groups.
    """
    psi = np.asarray(influences, dtype=np.float64)
    sums = np.stack([group_sums(row, groups) for row in psi]) if groups is not None else psi
    units = sums.shape[1]
    if units < 2:
        return None
    found: Floats = sums @ sums.T * (units / (units - 1) / psi.shape[1] ** 2)
    return found
