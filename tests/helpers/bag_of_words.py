"""A real, simple encoder for tests: hashed bags of words and of letter pairs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol, Wrapper
from evalsuite.engines.protocols import Progress, Rendered, Vectors

DIMENSIONS = 64


def embed(text: str) -> np.ndarray:
    """Counts of hashed words and letter pairs, plus a little of the length."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    lowered = text.lower()
    for word in lowered.split():
        vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1
    for i in range(len(lowered) - 1):
        vector[zlib.crc32(lowered[i : i + 2].encode()) % DIMENSIONS] += 0.25
    vector[0] += 0.01 * (1 + len(lowered))
    return vector


class BagOfWords:
    """Implements the Encoder protocol; remembers what it was given."""

    version = "bag-of-words 1"

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        self.calls.append((prefix, list(texts)))
        if progress is not None:
            progress(len(texts))
        return np.stack([embed(prefix + text) for text in texts])

    def render(self, text: str, prefix: str = "") -> Rendered:
        return Rendered(prefix + text, tuple(map(ord, prefix + text)), len(prefix))

    def close(self) -> None:
        pass


def checkpoint(**protocol: object) -> Checkpoint:
    """A checkpoint whose embedding protocol is given; no wrapper unless named."""
    return Checkpoint(
        name="bag",
        source="bag",
        path=Path("bag"),
        fingerprint="0" * 64,
        kind="encoder",
        evidence=(),
        embedding=EmbeddingProtocol.model_validate({"engine": "transformers", **protocol}),
        chat=None,
    )


GRIT = Wrapper(template="<|user|>\n{instruction}\n<|embed|>\n", bare="<|embed|>\n")
