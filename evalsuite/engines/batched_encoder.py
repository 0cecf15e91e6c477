"""What the encoders share: texts are prepared without the model, and embedded in batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.engines.length_batches import LengthBatcher
from evalsuite.engines.parallel_batches import Pending
from evalsuite.engines.protocols import Progress, Rendered, Vectors
from evalsuite.errors import EngineError
from evalsuite.suspicions import refused


@dataclass(frozen=True, slots=True)
class PreparedTexts:
    """Texts with all done that needs no model."""

    texts: tuple[str, ...]
    lengths: tuple[int, ...]
    """Tokens of each text, prefix included."""
    model_input: Any
    """What the encoder that made this gives to its model."""


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
        """Tokenise.

        Args:
            texts: ``n`` texts. One that is given twice is also embedded twice:
                :class:`~evalsuite.engines.vectors.cached_encoder.CachedEncoder` leaves out
                repetitions.
            prefix: Put before each.
        """
        lengths, model_input = self._tokenise(texts, prefix) if texts else ([], None)
        return PreparedTexts(tuple(texts), tuple(lengths), model_input)

    def embed(self, prepared: PreparedTexts, progress: Progress | None = None) -> Vectors:
        """Run the model.

        Args:
            prepared: What :meth:`prepare` returned.
            progress: Called with the number of texts of each finished batch.

        Returns:
            Finite vectors, shape ``(n, d)``, in the order of the texts.

        Raises:
            EngineError: If a vector has NaN or infinite values (names the text), or the memory
                does not suffice for a single text.
        """
        if self._model is None:
            raise EngineError("this encoder has no weights loaded", "load it with weights=True")
        if not prepared.texts:
            return np.empty((0, self.dimension), dtype=np.float32)

        def checked(batch: Sequence[int], vectors: Vectors) -> Vectors:
            bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
            if bad.size:
                raise refused(
                    "not-finite",
                    f"the vector of the text {prepared.texts[batch[bad[0]]][:40]!r} is not finite",
                    "try --dtype float32, and check the checkpoint's weights",
                )
            return vectors

        def forward(batch: Sequence[int]) -> Vectors | Pending:
            found = self._forward(prepared, batch)
            if isinstance(found, Pending):
                return Pending(lambda: checked(batch, found.result()))
            return checked(batch, found)

        def done(batch: Sequence[int]) -> None:
            if progress is not None:
                progress(len(batch))

        return self._batcher.run(prepared.lengths, forward, done)

    @abstractmethod
    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        """Tokens of each text, and what :meth:`_forward` needs."""

    @abstractmethod
    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors | Pending:
        """Embed the texts at these indices; shape ``(len(batch), d)``."""
