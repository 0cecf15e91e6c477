"""What the encoders share: texts are made ready apart from the model, and embedded in batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.engines.length_batches import LengthBatcher, distinct, embed_distinct
from evalsuite.engines.protocols import Progress, Rendered, Vectors
from evalsuite.errors import EngineError


@dataclass(frozen=True, slots=True)
class PreparedTexts:
    """Texts as an encoder needs them: all that can be done without the model is done."""

    texts: tuple[str, ...]
    """``m`` distinct texts."""
    index: NDArray[np.intp]
    """For each of the ``n`` texts of the call its index among ``texts``."""
    lengths: tuple[int, ...]
    """Tokens of each of ``texts``, prefix included."""
    model_input: Any
    """What the encoder that made this hands to its model."""


class BatchedEncoder(ABC):
    """An encoder in two steps, of which only the second needs the model.

    The first step may run in another thread, while the model is busy with other texts.
    """

    _batcher: LengthBatcher
    _model: Any

    @property
    @abstractmethod
    def version(self) -> str:
        """See :class:`~evalsuite.engines.protocols.Encoder`."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of the vectors."""

    @abstractmethod
    def render(self, text: str, prefix: str = "") -> Rendered:
        """See :class:`~evalsuite.engines.protocols.Encoder`."""

    @property
    def prepares_apart(self) -> bool:
        """Whether :meth:`prepare` may run while another thread is in :meth:`embed`."""
        return True

    @abstractmethod
    def close(self) -> None:
        """See :class:`~evalsuite.engines.protocols.Encoder`."""

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        """See :class:`~evalsuite.engines.protocols.Encoder`."""
        return self.embed(self.prepare(texts, prefix), progress)

    def prepare(self, texts: Sequence[str], prefix: str = "") -> PreparedTexts:
        """Leave out repetitions and tokenise.

        Args:
            texts: ``n`` texts.
            prefix: Put before each.
        """
        kept, index = distinct(texts)
        lengths, model_input = self._tokenise(kept, prefix) if kept else ([], None)
        return PreparedTexts(tuple(kept), index, tuple(lengths), model_input)

    def embed(self, prepared: PreparedTexts, progress: Progress | None = None) -> Vectors:
        """Run the model.

        Args:
            prepared: Of :meth:`prepare`.
            progress: Told how many of the ``n`` texts are done.

        Returns:
            Finite vectors, shape ``(n, d)``, in the order of the texts.

        Raises:
            EngineError: Where the model gives NaN or infinite values, or the memory does not
                suffice for a single text.
        """
        if self._model is None:
            raise EngineError("this encoder has no weights loaded", "load it with weights=True")
        if not prepared.texts:
            return np.empty((0, self.dimension), dtype=np.float32)

        def forward(batch: Sequence[int]) -> Vectors:
            return self._forward(prepared, batch)

        return embed_distinct(
            prepared.texts, prepared.lengths, prepared.index, forward, self._batcher, progress
        )

    @abstractmethod
    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        """Tokens of each text, and what :meth:`_forward` needs."""

    @abstractmethod
    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors:
        """Embed the distinct texts at these indices; shape ``(len(batch), d)``."""
