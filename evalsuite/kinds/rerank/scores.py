"""nDCG before and after, and the paired test of their difference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from evalsuite.kinds.rerank.result import MeanChange
from evalsuite.stats import mean_influence, paired, sign_flip_p

CUT = 10
"""The cut-off of nDCG."""


def ndcg(ranked: Sequence[str], judged: Mapping[str, int], cut: int = CUT) -> float:
    """Normalised discounted cumulative gain as trec_eval computes it.

    ``DCG = Σ rel_i / log2(i + 1)`` over ranks ``i = 1 … cut``, divided by that of the ideal
    order of all judged documents; 0 where no document is relevant.

    Args:
        ranked: Document ids, best first.
        judged: Document id → relevance; levels below 0 count as 0.
        cut: Ranks that count.
    """
    ideal = _dcg(sorted(judged.values(), reverse=True)[:cut])
    return _dcg([judged.get(name, 0) for name in ranked[:cut]]) / ideal if ideal else 0.0


def _dcg(gains: Sequence[int]) -> float:
    return math.fsum(max(gain, 0) / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def difference(before: Sequence[float], after: Sequence[float], seed: int) -> MeanChange:
    """What reranking changed, from the two scores of each query.

    Args:
        before: nDCG of each query without reranking.
        after: With it, in the same order.
        seed: Of the permutation test.

    Returns:
        The difference of the means; no interval for fewer than two queries.
    """
    first, second = np.array(before), np.array(after)
    change = second - first
    delta = float(change.mean())
    found = paired(delta, mean_influence(first), mean_influence(second))
    reach = found.interval() if found else None
    return MeanChange(
        delta=delta,
        low=reach.low if reach else None,
        high=reach.high if reach else None,
        p=sign_flip_p(change, seed),
        better=int((change > 0).sum()),
        worse=int((change < 0).sum()),
        equal=int((change == 0).sum()),
    )
