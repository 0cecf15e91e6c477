"""A cache of vectors: each text is embedded once, and a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evalsuite.engines.encoder_wrapper import EncoderWrapper
from evalsuite.engines.protocols import Encoder, LookaheadEncoder, Progress, Vectors
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


class CachedEncoder(EncoderWrapper):
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
        files: Vector files of the same checkpoint, embedding protocol, precision and engine.

    Attributes:
        seconds: Time spent in ``inner``.
    """

    def __init__(self, inner: Encoder, files: VectorFiles) -> None:
        super().__init__(inner)
        self._ahead = inner if isinstance(inner, LookaheadEncoder) else None
        self._files = files
        self._index = VectorIndex()
        self.seconds = 0.0

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        if not texts:
            return self._inner.encode(texts, prefix)
        kept, position = distinct(texts)
        counts = np.bincount(position)
        keys = [_hash(prefix, text)[:KEY_BYTES] for text in kept]
        vectors, known = self._recall(keys)
        if progress is not None and known:
            progress(int(counts[sorted(known)].sum()))
        new = [index for index in range(len(kept)) if index not in known]
        for shard, name, stored in self._each(kept, new, keys, prefix):
            if stored is None:
                part = self._compute([kept[index] for index in shard], prefix, progress)
                self._files.put(name, part)
            else:
                part = stored
            if vectors is None:
                vectors = np.empty((len(kept), part.shape[1]), dtype=np.float32)
            vectors[shard] = part
            self._index.add([keys[index] for index in shard], name)
            if progress is not None:
                # The inner encoder has reported each distinct text that it computed.
                progress(int(counts[shard].sum()) - len(shard) * (stored is None))
        assert vectors is not None
        return vectors if len(kept) == len(texts) else vectors[position]

    def _each(
        self, texts: list[str], new: list[int], keys: list[bytes], prefix: str
    ) -> Iterator[tuple[list[int], str, Vectors | None]]:
        """The shards of new texts: indices, file name, and the vectors if the file exists.

        A shard is announced to the inner encoder before the shard in front of it is computed.
        """
        ahead: tuple[list[int], str, Vectors | None] | None = None
        for shard in _shards(texts, new, keys):
            content = [texts[index] for index in shard]
            name = name_of(prefix, *content)
            stored = self._files.get(name, len(shard))
            if stored is None and self._ahead is not None:
                self._ahead.announce(content, prefix)
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
        for name, (indices, rows) in self._index.find(keys).items():
            part = self._files.get(name)
            if part is None:
                continue  # removed since, for want of room
            if vectors is None:
                vectors = np.empty((len(keys), part.shape[1]), dtype=np.float32)
            vectors[indices] = part[rows]
            known.update(indices)
        return vectors, known


def distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Leave out repetitions.

    Args:
        texts: ``n`` texts.

    Returns:
        The ``m`` different texts in the order of their first occurrence, and for each of the
        ``n`` texts its index among them: ``texts[i] == kept[index[i]]``.
    """
    position = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    index = np.fromiter((position[text] for text in texts), dtype=np.intp, count=len(texts))
    return list(position), index


def _shards(
    texts: Sequence[str], indices: Sequence[int], keys: Sequence[bytes]
) -> Iterator[list[int]]:
    """Cut texts into shards, the longest first: depends on nothing but the set of texts.

    Length is counted in characters, so that shards can be cut without a tokenizer. The batches
    within a shard are made by tokens (:mod:`evalsuite.engines.length_batches`).
    """
    shard: list[int] = []
    characters = 0
    for index in sorted(indices, key=lambda index: (-len(texts[index]), texts[index])):
        length = len(texts[index])
        full = len(shard) == SHARD_TEXTS or characters + length > SHARD_CHARACTERS
        if shard and full:
            yield shard
            shard, characters = [], 0
        shard.append(index)
        characters += length
        ends = int.from_bytes(keys[index][:4]) % ENDS_ONE_IN == 0
        if ends and len(shard) >= SHARD_LEAST:
            yield shard
            shard, characters = [], 0
    if shard:
        yield shard


def name_of(prefix: str, *texts: str) -> str:
    """Name of the file with the vectors of some texts behind a prefix."""
    return _hash(prefix, *texts).hex()


def _hash(*parts: str) -> bytes:
    """SHA-256 over texts and their lengths, so that no two lists of texts are alike."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.digest()
