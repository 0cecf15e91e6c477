"""The scores of several records of one task, with how they vary together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evalsuite.results.compare.pair import Load, right_or_wrong, why_not_paired_with
from evalsuite.schema import Record
from evalsuite.stats import covariance, mcnemar_matrix

if TYPE_CHECKING:
    from evalsuite.results.sampled import Sampled

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Joint:
    """What the records of one task say together; ``k`` records, some of which may be absent."""

    covariance: Floats
    """By the choice of items, in the square of the metric's unit, shape ``(k, k)``. NaN on the
    diagonal where an uncertainty is not known; 0 beside it where two records are not paired."""
    groups: NDArray[np.int64]
    """Independent items of each, shape ``(k,)``."""
    paired: Booleans
    """Whether two records have the same items, shape ``(k, k)``."""
    exact: Floats
    """p-values of McNemar's exact test, shape ``(k, k)``; NaN where it does not apply."""


def joint_of(records: Sequence[Record | None], load: Load) -> Joint:
    """Read what records of one task say together.

    Two records are paired under the conditions of :func:`evalsuite.results.compare.pair.compare`.

    Args:
        records: Of one task; ``None`` where there is none.
        load: Reads a record's samples.
    """
    size = len(records)
    samples = [load(one) if one and one.score is not None else None for one in records]
    found = Joint(
        covariance=np.zeros((size, size)),
        groups=np.zeros(size, dtype=np.int64),
        paired=np.eye(size, dtype=np.bool_),
        exact=np.full((size, size), np.nan),
    )
    for index, (record, sample) in enumerate(zip(records, samples, strict=True)):
        error = record.stderr if record else None
        units = (record.groups or record.n or 0) if record else 0
        if sample is not None and sample.stderr is not None:
            error, units = sample.stderr, sample.independent
        known = error is not None and units >= 2
        found.covariance[index, index] = error**2 if known and error is not None else np.nan
        found.groups[index] = units
    for members in _same_items(samples).values():
        _pair(found, records, samples, members)
    return found


def _same_items(samples: Sequence[Sampled | None]) -> dict[tuple[str, ...], list[int]]:
    """Names of samples, sorted → the records that have just these; none with repeated names."""
    found: dict[tuple[str, ...], list[int]] = {}
    for index, sample in enumerate(samples):
        if sample is not None and len(set(sample.ids)) == len(sample.ids):
            found.setdefault(tuple(sorted(sample.ids)), []).append(index)
    return {ids: members for ids, members in found.items() if len(members) > 1}


def _pair(
    found: Joint,
    records: Sequence[Record | None],
    samples: Sequence[Sampled | None],
    members: Sequence[int],
) -> None:
    """Enter what the records of the same items say of each other."""
    given = [sample for index in members if (sample := samples[index]) is not None]
    orders = [np.argsort(np.array(sample.ids), kind="stable") for sample in given]
    first, order = given[0], orders[0]
    groups = [first.groups[at] for at in order] if first.groups else None
    matrix = covariance(
        np.stack([s.influence[at] for s, at in zip(given, orders, strict=True)]), groups
    )
    if matrix is None:
        return
    binary = [place for place, s in enumerate(given) if right_or_wrong(s) and s.groups is None]
    exact = np.full(matrix.shape, np.nan)
    if len(binary) > 1:
        values = [v[orders[at]] for at in binary if (v := given[at].values) is not None]
        exact[np.ix_(binary, binary)] = mcnemar_matrix(np.stack(values))
    for a, one in enumerate(members):
        for b, two in enumerate(members[:a]):
            left, right = records[one], records[two]
            if (
                left is None
                or right is None
                or why_not_paired_with(left, right, given[a], given[b])
            ):
                continue
            for i, j, x, y in ((one, two, a, b), (two, one, b, a)):
                found.covariance[i, j] = matrix[x, y]
                found.paired[i, j] = True
                found.exact[i, j] = exact[x, y]
