"""The best documents of each query while the corpus goes by in blocks, in any order."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evalsuite.engines.protocols import Vectors

Places = NDArray[np.uint32]
"""Position of documents among all, by descending id: the earlier goes first of equal scores."""

Rows = NDArray[np.int64]
"""Numbers of documents in a corpus."""

Keys = NDArray[np.int64]

_EMPTY: Final = np.iinfo(np.int64).min
"""Below the key of any number."""

_LAST: Final = 2**32 - 1


def keys_of(scores: Vectors, places: Places) -> Keys:
    """One number for score and place: the greater one is ranked first.

    The upper half is the score's bits in an order-preserving form, the lower half the place
    counted from the end. So no two documents of a query have the same key, and what is kept does
    not depend on the order in which they came.

    Args:
        scores: Finite, shape ``(m,)``.
        places: Shape ``(m,)``.
    """
    bits = (scores + np.float32(0)).view(np.int32)  # -0 equals 0
    ordered = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    return (ordered << 32) | (_LAST - places.astype(np.int64))


def scores_and_places(keys: Keys) -> tuple[Vectors, Places]:
    """What :func:`keys_of` has joined."""
    ordered = (keys >> 32).astype(np.int32)
    bits = np.where(ordered < 0, ordered ^ np.int32(0x7FFFFFFF), ordered)
    return bits.view(np.float32), (_LAST - (keys & _LAST)).astype(np.uint32)


class TopK:
    """Keeps the ``k`` best documents of each row over blocks of columns.

    Memory is ``8 × rows × k`` bytes, whatever goes by.

    Args:
        rows: Number of queries.
        k: Documents kept of each.
    """

    def __init__(self, rows: int, k: int) -> None:
        self._keys: Keys = np.full((rows, k), _EMPTY, dtype=np.int64)
        self._worst: Vectors = np.full(rows, -np.inf, dtype=np.float32)

    def add(self, scores: Vectors, places: Places, row: int = 0) -> None:
        """Take in a block.

        Args:
            scores: Shape ``(r, m)``, for the rows from ``row`` on; NaN never enters.
            places: Of the block's documents, shape ``(m,)``.
            row: First of the rows.
        """
        # What equals the worst that is kept may go before it, by its id.
        better = scores >= self._worst[row : row + len(scores), None]
        for index in np.flatnonzero(better.any(axis=1)):
            columns = np.flatnonzero(better[index])
            kept = self._keys[row + index]
            joined = np.concatenate([kept, keys_of(scores[index, columns], places[columns])])
            joined.partition(len(columns))
            kept[:] = joined[len(columns) :]
            if kept[0] != _EMPTY:
                self._worst[row + index] = scores_and_places(kept[:1])[0][0]

    def best(self, row: int) -> tuple[Vectors, Places]:
        """Scores and places of a row, the best first; at most ``k``."""
        keys = np.sort(self._keys[row])[::-1]
        return scores_and_places(keys[keys != _EMPTY])
