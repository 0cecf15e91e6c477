"""An exact inner-product index: vectors on the disk, searched exhaustively.

Built in blocks, each whole or absent, so that a run that was killed goes on from the last block.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalsuite.engines.protocols import Vectors
from evalsuite.errors import StoreError
from evalsuite.paths import cache_dir
from evalsuite.schema import digest

BLOCK = 8192
"""Vectors of one file."""

Embed = Callable[[Sequence[str]], Vectors]
"""From texts to vectors, shape ``(n, d)``."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best document for each query, shape ``(queries,)`` each."""

    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    scores: np.ndarray[tuple[int], np.dtype[np.float32]]


class Index:
    """Vectors of a corpus.

    Args:
        folder: With one ``.npy`` file a block.
    """

    def __init__(self, folder: Path) -> None:
        self._blocks = sorted(folder.glob("*.npy"))

    @classmethod
    def build(
        cls,
        texts: Sequence[str],
        embed: Embed,
        identity: Sequence[object],
        done: Callable[[int], None],
    ) -> Index:
        """Embed a corpus, or what is left of it to embed.

        Args:
            texts: The documents.
            embed: Turns them into vectors.
            identity: All that the vectors depend on; names the folder in the user's cache.
            done: Told how many documents are in the index, those of earlier runs too.

        Raises:
            StoreError: If the index cannot be written.
        """
        folder = cache_dir() / "rag" / digest([BLOCK, *identity])[:32]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for start in range(0, len(texts), BLOCK):
                path = folder / f"{start // BLOCK:06d}.npy"
                members = texts[start : start + BLOCK]
                if not path.is_file():
                    _write(path, embed(members))
                done(start + len(members))
        except OSError as error:
            raise StoreError(
                f"the index in {folder} cannot be written: {error.strerror}",
                "set EVALSUITE_CACHE to a folder with room",
            ) from error
        return cls(folder)

    def search(self, queries: Vectors) -> Found:
        """The document of the largest inner product; of equal ones the first.

        Args:
            queries: Shape ``(queries, d)``.
        """
        best = np.full(len(queries), -np.inf, dtype=np.float32)
        rows = np.zeros(len(queries), dtype=np.int64)
        for number, path in enumerate(self._blocks):
            block: Vectors = np.load(path, mmap_mode="r")
            products = queries @ block.T
            at = products.argmax(axis=1)
            here = products[np.arange(len(queries)), at]
            better = here > best
            best[better] = here[better]
            rows[better] = at[better] + number * BLOCK
        return Found(rows, best)


def _write(path: Path, vectors: Vectors) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as stream:
        np.save(stream, vectors.astype(np.float32, copy=False))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
