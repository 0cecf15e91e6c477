"""The random order in which the items of a generative task are taken."""

from __future__ import annotations

import numpy as np

from evalsuite.schema import digest


def random_order(n: int, data: str, seed: int, part: str = "") -> list[int]:
    """A random order of items that is the same for every checkpoint.

    Args:
        n: Number of items.
        data: Hash of the task's data.
        seed: Of the run.
        part: The part of the task that the items are of.

    Returns:
        The indices from 0 to ``n − 1``, each once.
    """
    state = int(digest([data, seed, part]), 16)
    return [int(index) for index in np.random.default_rng(state).permutation(n)]


def random_choice(n: int, limit: int, data: str, seed: int, part: str = "") -> list[int]:
    """Items that a limit keeps: the first of the random order, so that a larger limit keeps them.

    Returns:
        Their indices, sorted.
    """
    return sorted(random_order(n, data, seed, part)[:limit])
