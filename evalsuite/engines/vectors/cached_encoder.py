"""Embedding shard by shard: no text twice, and a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from evalsuite.engines.length_batches import distinct
from evalsuite.engines.protocols import Encoder, Progress, Rendered, Vectors
from evalsuite.engines.remote import RemoteEncoder
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.engines.vectors.vector_index import KEY_BYTES, VectorIndex

SHARD_TEXTS: Final = 1024
"""Texts in one shard at most."""

SHARD_CHARACTERS: Final = 256 * 1024
"""Characters in one shard at most (a single text may have more), so that a shard of long
documents does not hold hours of work."""

SHARD_LEAST: Final = 256
"""Texts before a shard may end early."""

ENDS_ONE_IN: Final = 256
"""How many texts there are for each that ends a shard."""


class CachedEncoder:
    """An encoder that keeps in files what another one computes.

    A text is embedded once in the life of this object. The texts of a call that are new are
    sorted and cut into shards; a shard is one file, named after all that its vectors depend on:
    the texts with which it was batched are part of that, since rounding depends on them. So
    vectors are the very same bits whoever computed them, in this run, one that was killed, or
    one of another task with the same texts.

    Shards end where a text's own hash says so. Two corpora that differ in a few documents share
    all shards but those where they differ.

    Args:
        inner: Computes the vectors.
        files: Of the checkpoint, the embedding protocol, precision and engine.

    Attributes:
        seconds: Time spent in ``inner``.
    """

    def __init__(self, inner: Encoder, files: VectorFiles) -> None:
        self._inner = inner
        self._files = files
        self._places = VectorIndex()
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
        keys = [_hash(prefix, text)[:KEY_BYTES] for text in kept]
        vectors, known = self._recall(keys)
        if progress is not None and known:
            progress(int(counts[sorted(known)].sum()))
        new = [place for place in range(len(kept)) if place not in known]
        for shard, name, stored in self._each(kept, new, keys, prefix):
            if stored is None:
                part = self._compute([kept[place] for place in shard], prefix, progress)
                self._files.put(name, part)
            else:
                part = stored
            if vectors is None:
                vectors = np.empty((len(kept), part.shape[1]), dtype=np.float32)
            vectors[shard] = part
            self._places.add([keys[place] for place in shard], name)
            if progress is not None:
                # The inner encoder has told of each distinct text that it computed.
                progress(int(counts[shard].sum()) - len(shard) * (stored is None))
        assert vectors is not None
        return vectors if len(kept) == len(texts) else vectors[index]

    def _each(
        self, texts: list[str], new: list[int], keys: list[bytes], prefix: str
    ) -> Iterator[tuple[list[int], str, Vectors | None]]:
        """The shards of new texts: their places, their name, and their vectors if they are there.

        An engine in another process hears of a shard while the one before is waited for.
        """
        ahead: tuple[list[int], str, Vectors | None] | None = None
        for shard in _shards(texts, new, keys):
            content = [texts[place] for place in shard]
            name = _hash(prefix, *content).hex()
            stored = self._files.get(name, len(shard))
            if stored is None and isinstance(self._inner, RemoteEncoder):
                self._inner.announce(content, prefix)
            if ahead is not None:
                yield ahead
            ahead = shard, name, stored
        if ahead is not None:
            yield ahead

    def _compute(self, texts: list[str], prefix: str, progress: Progress | None) -> Vectors:
        start = time.perf_counter()
        vectors = self._inner.encode(texts, prefix, progress)
        self.seconds += time.perf_counter() - start
        return vectors

    def _recall(self, keys: list[bytes]) -> tuple[Vectors | None, set[int]]:
        """Vectors of the texts that earlier calls embedded, in a matrix for all texts."""
        vectors: Vectors | None = None
        known: set[int] = set()
        for name, (places, rows) in self._places.find(keys).items():
            part = self._files.get(name)
            if part is None:
                continue  # removed since, for want of room
            if vectors is None:
                vectors = np.empty((len(keys), part.shape[1]), dtype=np.float32)
            vectors[places] = part[rows]
            known.update(places)
        return vectors, known


def _shards(
    texts: Sequence[str], places: Sequence[int], keys: Sequence[bytes]
) -> Iterator[list[int]]:
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
        ends = int.from_bytes(keys[place][:4]) % ENDS_ONE_IN == 0
        if ends and len(shard) >= SHARD_LEAST:
            yield shard
            shard, characters = [], 0
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
