"""Texts as late-interaction models see them: a vector for each token that counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TokenVectors:
    """The vectors of ``n`` texts, those of one text after those of the other.

    Attributes:
        rows: All vectors, shape ``(t, d)``.
        counts: Vectors of each text, shape ``(n,)``; their sum is ``t``.
    """

    rows: Vectors
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[Vectors]) -> TokenVectors:
        """From one matrix a text; at least one text."""
        counts = np.array([len(text) for text in texts], dtype=np.int64)
        return cls(np.concatenate(texts).astype(np.float32, copy=False), counts)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Row of each text's first vector, shape ``(n,)``."""
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[Vectors]:
        return iter(np.split(self.rows, np.cumsum(self.counts)[:-1]))

    @overload
    def __getitem__(self, which: int) -> Vectors: ...
    @overload
    def __getitem__(self, which: slice | NDArray[np.integer]) -> TokenVectors: ...
    def __getitem__(self, which: int | slice | NDArray[np.integer]) -> Vectors | TokenVectors:
        """The vectors of one text, or of several in the order given."""
        starts = self.starts
        if isinstance(which, int):
            return self.rows[starts[which] : starts[which] + self.counts[which]]
        chosen = np.arange(len(self))[which]
        if not len(chosen):
            return TokenVectors(self.rows[:0], self.counts[:0])
        return TokenVectors.of([self[int(index)] for index in chosen])

    def means(self) -> Vectors:
        """The mean vector of each text, shape ``(n, d)``; zeros of a text without vectors."""
        means: Vectors = np.zeros((len(self), self.rows.shape[1]), dtype=np.float32)
        full = np.flatnonzero(self.counts)
        if len(full):
            sums = np.add.reduceat(self.rows, self.starts[full], axis=0)
            means[full] = sums / self.counts[full, None]
        return means


Embedded: TypeAlias = Vectors | TokenVectors
"""What an encoder makes of ``n`` texts: a vector each, shape ``(n, d)``, or several."""


def one_each(vectors: Embedded) -> Vectors:
    """A vector a text, shape ``(n, d)``: of several their mean, to look at and not to score."""
    return vectors.means() if isinstance(vectors, TokenVectors) else vectors
