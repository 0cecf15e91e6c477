"""How often one of several programs passes, from some that were drawn."""

from __future__ import annotations

import math


def pass_at(k: int, n: int, right: int) -> float:
    """The chance that one of ``k`` programs passes, from ``n`` of which some did.

    The unbiased estimate ``1 - C(n - right, k) / C(n, k)`` of Chen et al., "Evaluating Large
    Language Models Trained on Code", 2021.

    Args:
        k: Programs that are looked at; at most ``n``.
        n: Programs that were drawn.
        right: Those that passed.

    Raises:
        ValueError: If ``k`` is above ``n``.
    """
    if k > n:
        raise ValueError(f"pass@{k} needs {k} programs, not {n}")
    return 1 - math.comb(n - right, k) / math.comb(n, k)
