"""A base for encoders that change how another one embeds, and pass on everything else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from evalsuite.engines.protocols import Encoder, Progress, Rendered, Vectors


class EncoderWrapper(ABC):
    """An :class:`~evalsuite.engines.protocols.Encoder` around another one.

    Args:
        inner: The other one; closed with this one.
    """

    def __init__(self, inner: Encoder) -> None:
        self._inner = inner

    @property
    def version(self) -> str:
        return self._inner.version

    def render(self, text: str, prefix: str = "") -> Rendered:
        return self._inner.render(text, prefix)

    def close(self) -> None:
        self._inner.close()

    @abstractmethod
    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        """See :class:`~evalsuite.engines.protocols.Encoder`."""
