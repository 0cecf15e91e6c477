"""A cache of the vectors of late-interaction models, so that a killed run goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Sequence

from evalsuite.engines.protocols import Progress, Rendered, TokenEncoder
from evalsuite.engines.token_vectors import TokenVectors
from evalsuite.engines.vectors.cached_encoder import name_of
from evalsuite.engines.vectors.vector_files import VectorFiles


class CachedTokenEncoder:
    """Keeps what a late-interaction encoder computes, two files a call.

    A search asks for the blocks of a corpus in order, so a call is what is kept and found again. A
    text takes a hundred times the room that one vector would, and texts of other calls are hardly
    ever the same: unlike :class:`~evalsuite.engines.vectors.cached_encoder.CachedEncoder` this one
    does not look for single texts.

    Args:
        inner: Computes the vectors.
        files: Vector files of the same checkpoint, embedding protocol, precision and engine.

    Attributes:
        seconds: Time spent in ``inner``.
    """

    def __init__(self, inner: TokenEncoder, files: VectorFiles) -> None:
        self._inner = inner
        self._files = files
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
    ) -> TokenVectors:
        name = name_of(prefix, *texts)
        kept = self._find(name, len(texts))
        if kept is not None:
            if progress is not None:
                progress(len(texts))
            return kept
        start = time.perf_counter()
        found = self._inner.encode(texts, prefix, progress)
        self.seconds += time.perf_counter() - start
        self._files.put(f"{name}-counts", found.counts[:, None].astype("float32"))
        self._files.put(f"{name}-tokens", found.rows)
        return found

    def _find(self, name: str, texts: int) -> TokenVectors | None:
        counts = self._files.get(f"{name}-counts", texts)
        if counts is None:
            return None
        whole = counts[:, 0].astype("int64")
        rows = self._files.get(f"{name}-tokens", int(whole.sum()))
        return None if rows is None else TokenVectors(rows, whole)
