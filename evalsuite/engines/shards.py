"""Embedding shard by shard, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from evalsuite.engines.base import Encoder, Progress, Rendered, Vectors
from evalsuite.engines.batching import distinct
from evalsuite.errors import StoreError

SHARD_TEXTS: Final = 512
"""Texts in one shard at most."""

SHARD_CHARACTERS: Final = 256 * 1024
"""Characters in one shard at most (a single text may have more), so that a shard of long
documents does not hold hours of work."""


class ShardedEncoder:
    """An encoder that keeps in files what another one computes.

    A text is embedded once in the life of this object. The texts of a call that are new are
    sorted and cut into shards; a shard is one file, named after all that its vectors depend on.
    Where the same calls are made again, by a run that was killed and started anew, the shards
    are the same: those that are there are read, the others computed, and the vectors have the
    very same bits as those of an undisturbed run.

    Args:
        inner: Computes the vectors.
        folder: Where the shards are; made if it is not there.
        scope: All that vectors depend on besides prefix and text: the checkpoint's fingerprint,
            the embedding protocol, precision and engine.

    Attributes:
        seconds: Time spent in ``inner``.
    """

    def __init__(self, inner: Encoder, folder: Path, scope: str) -> None:
        self._inner = inner
        self._folder = folder
        self._scope = scope
        self._places: dict[bytes, tuple[Path, int]] = {}
        self.seconds = 0.0

    @property
    def version(self) -> str:
        return self._inner.version

    def render(self, text: str, prefix: str = "") -> Rendered:
        return self._inner.render(text, prefix)

    def close(self) -> None:
        self._inner.close()

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        if not texts:
            return self._inner.encode(texts, prefix)
        kept, index = distinct(texts)
        counts = np.bincount(index)
        keys = [_hash(prefix, text)[:16] for text in kept]
        known = [place for place, key in enumerate(keys) if key in self._places]
        vectors = self._recall(known, keys)
        if progress is not None and known:
            progress(int(counts[known].sum()))
        new = [place for place, key in enumerate(keys) if key not in self._places]
        for shard in _shards(kept, new):
            content = [kept[place] for place in shard]
            path = self._folder / f"{_hash(self._scope, prefix, *content).hex()}.npy"
            part = _read(path, len(shard))
            computed = part is None
            if part is None:
                part = self._compute(content, prefix, progress)
                _write(path, part)
            if vectors is None:
                vectors = np.empty((len(kept), part.shape[1]), dtype=np.float32)
            vectors[shard] = part
            self._places |= {keys[place]: (path, row) for row, place in enumerate(shard)}
            if progress is not None:
                # The inner encoder has told of each distinct text that it computed.
                progress(int(counts[shard].sum()) - len(shard) * computed)
        assert vectors is not None
        return vectors if len(kept) == len(texts) else vectors[index]

    def _compute(self, texts: list[str], prefix: str, progress: Progress | None) -> Vectors:
        start = time.perf_counter()
        vectors = self._inner.encode(texts, prefix, progress)
        self.seconds += time.perf_counter() - start
        return vectors

    def _recall(self, known: list[int], keys: list[bytes]) -> Vectors | None:
        """Vectors of the texts that earlier calls embedded, in a matrix for all texts."""
        by_file: dict[Path, list[int]] = {}
        for place in known:
            by_file.setdefault(self._places[keys[place]][0], []).append(place)
        vectors: Vectors | None = None
        for path, places in by_file.items():
            part = np.load(path, mmap_mode="r", allow_pickle=False)
            if vectors is None:
                vectors = np.empty((len(keys), part.shape[1]), dtype=np.float32)
            vectors[places] = part[[self._places[keys[place]][1] for place in places]]
        return vectors


def _shards(texts: Sequence[str], places: Iterable[int]) -> Iterator[list[int]]:
    """Cut texts into shards, the longest first: depends on nothing but the set of texts."""
    shard: list[int] = []
    characters = 0
    for place in sorted(places, key=lambda place: (-len(texts[place]), texts[place])):
        length = len(texts[place])
        full = len(shard) == SHARD_TEXTS or characters + length > SHARD_CHARACTERS
        if shard and full:
            yield shard
            shard, characters = [], 0
        shard.append(place)
        characters += length
    if shard:
        yield shard


def _hash(*parts: str) -> bytes:
    """SHA-256 over texts and their lengths, so that no two lists of texts are alike."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.digest()


def _read(path: Path, rows: int) -> Vectors | None:
    """Read a shard; ``None`` where it is not there, or not whole."""
    try:
        vectors: Vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32
    return vectors if whole else None


def _write(path: Path, vectors: Vectors) -> None:
    """Write a shard so that it is there whole or not at all, also after a power cut.

    Raises:
        StoreError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, vectors, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise StoreError(
            f"embeddings cannot be written to {path.parent}: {error.strerror or error}",
            "free disk space, or choose another results folder",
        ) from error
