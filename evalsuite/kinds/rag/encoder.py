"""The model that answers, as an encoder of the texts that it finds."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.engines.protocols import Encoder, Progress, Rendered, Vectors
from evalsuite.engines.transformers.unified_model import UnifiedModel


class OwnEncoder(Encoder):
    """Embeds with the model that answers; its owner closes the model.

    Args:
        model: The model.
    """

    def __init__(self, model: UnifiedModel) -> None:
        self._model = model

    @property
    def version(self) -> str:
        return self._model.version

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        ids = [self.render(text, prefix).token_ids for text in texts]
        return self._model.embed_many(
            ids, self._model.texts.pooled_from, progress or (lambda _: None)
        )

    def render(self, text: str, prefix: str = "") -> Rendered:
        texts = self._model.texts
        if prefix != texts.protocol.prefix(""):
            raise ValueError(f"this model embeds without an instruction, not after {prefix!r}")
        return Rendered(prefix + text, texts.embedding_ids(text), texts.pooled_from)

    def close(self) -> None:
        pass
