"""What is done to vectors before they are compared: cut to fewer dimensions, rounded to fewer bits.

Rounding is that of mteb's ``CompressionWrapper``: a side of a task, queries or documents, has its
own ranges. mteb takes them anew for every call, and so for each 50,000 documents of a corpus; here
they are those of the whole corpus, so that all documents of it can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from evalsuite.engines.encoder_wrapper import EncoderWrapper
from evalsuite.errors import UsageError
from evalsuite.schema import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalsuite.engines.protocols import Encoder, Progress, Vectors

Rounding = Literal["int8", "binary"]
STEPS: Final = 255
"""Between the smallest and the largest number of a dimension that is rounded to a byte."""
OFFSET: Final = 128


class VectorForm(Frozen):
    """In which form vectors are compared."""

    dims: int | None = None
    """The first so many dimensions; ``None``: all."""
    rounding: Rounding | None = None
    """``int8``: 256 steps a dimension; ``binary``: 1 for numbers above 0, else 0."""


WHOLE: Final = VectorForm()
"""Vectors as the model gives them."""


class CutEncoder(EncoderWrapper):
    """An encoder of which only the first dimensions count, as in Matryoshka models.

    Args:
        inner: Computes the vectors.
        dims: Dimensions that are kept.
        normalize: Whether the shorter vectors are scaled to length 1.
    """

    def __init__(self, inner: Encoder, dims: int, *, normalize: bool) -> None:
        super().__init__(inner)
        self._dims = dims
        self._normalize = normalize

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        """Embed, and cut.

        Raises:
            UsageError: If the vectors have fewer dimensions.
        """
        import numpy as np

        whole = self._inner.encode(texts, prefix, progress)
        check_dims(self._dims, whole.shape[1])
        kept = whole[:, : self._dims]
        if not self._normalize:
            return np.ascontiguousarray(kept)
        norms = np.linalg.norm(kept, axis=1, keepdims=True)
        scaled: Vectors = kept / np.maximum(norms, np.finfo(np.float32).tiny)
        return scaled


def check_dims(dims: int, size: int) -> None:
    """Refuse to keep more dimensions than there are.

    Raises:
        UsageError: If so.
    """
    if dims > size:
        raise UsageError(
            f"--dims {dims}: the vectors have {size} dimensions", f"give {size} or less, or 'full'"
        )


@dataclass(frozen=True, slots=True)
class Ranges:
    """Smallest and largest number of each dimension, shape ``(d,)``."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, blocks: Iterable[Vectors]) -> Ranges:
        """Those of all vectors in at least one block of shape ``(m, d)``."""
        import numpy as np

        found = [(block.min(axis=0), block.max(axis=0)) for block in blocks if len(block)]
        lows, highs = zip(*found, strict=True)
        return cls(np.min(lows, axis=0), np.max(highs, axis=0))


def rounded(vectors: Vectors, rounding: Rounding | None, ranges: Ranges | None = None) -> Vectors:
    """Vectors with fewer bits, as float32 numbers.

    Args:
        vectors: Shape ``(n, d)``.
        rounding: To what; ``None`` leaves them as they are.
        ranges: For ``int8``; without, those of ``vectors``.
    """
    import numpy as np

    if rounding is None or not len(vectors):
        return vectors
    if rounding == "binary":
        return (vectors > 0).astype(np.float32)
    ranges = ranges or Ranges.of([vectors])
    step = (ranges.high - ranges.low) / np.float32(STEPS)
    # A dimension that is the same in all texts has no range: all get its one step.
    step[step == 0] = 1
    return np.floor((vectors - ranges.low) / step) - np.float32(OFFSET)
