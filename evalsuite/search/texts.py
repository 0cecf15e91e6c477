"""A corpus of texts in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalsuite.search.topk import Places, Rows


class TextCorpus:
    """Texts by row; of equal scores the earlier row is ranked first.

    Args:
        texts: What is embedded of each document.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.places: Places = np.arange(len(texts), dtype=np.uint32)

    def __len__(self) -> int:
        return len(self._texts)

    def texts(self, start: int, end: int) -> list[str]:
        """What is embedded of some rows."""
        return list(self._texts[start:end])

    def rows_at(self, places: Places) -> Rows:
        """From places to rows."""
        return places.astype(np.int64)
