"""Embedding with a late-interaction model (ColBERT): a vector for each token that counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evalsuite.engines.batched_encoder import PreparedTexts
from evalsuite.engines.cuda.placing import to_device
from evalsuite.engines.protocols import Progress, Vectors
from evalsuite.engines.token_vectors import TokenVectors
from evalsuite.engines.transformers.sentence_transformers import SentenceTransformersEncoder
from evalsuite.errors import EngineError
from evalsuite.suspicions import refused


class LateInteractionEncoder(SentenceTransformersEncoder):
    """An encoder that leaves all to ``MultiVectorEncoder`` but the choice of batches.

    Which tokens count (markers, the masks that extend a query, punctuation) the model's own modules
    decide, by whether a text is a query or a document.

    Args and errors are those of
    :class:`~evalsuite.engines.transformers.sentence_transformers.SentenceTransformersEncoder`.
    """

    @staticmethod
    def _library_class() -> Any:
        from sentence_transformers import MultiVectorEncoder

        return MultiVectorEncoder

    def embed(  # type: ignore[override]  # several vectors a text
        self, prepared: PreparedTexts, progress: Progress | None = None
    ) -> TokenVectors:
        """Run the model; see :meth:`BatchedEncoder.embed`."""
        if self._model is None:
            raise EngineError("this encoder has no weights loaded", "load it with weights=True")
        found: dict[int, Vectors] = {}

        def forward(batch: Sequence[int]) -> Vectors:
            for index, vectors in zip(batch, self._forward(prepared, batch), strict=True):
                if not np.isfinite(vectors).all():
                    raise refused(
                        "not-finite",
                        f"a vector of the text {prepared.texts[index][:40]!r} is not finite",
                        "try --dtype float32, and check the checkpoint's weights",
                    )
                found[index] = vectors
            # The batcher puts rows of one length together; these have several, and wait in `found`.
            return np.empty((len(batch), 0), dtype=np.float32)

        def done(batch: Sequence[int]) -> None:
            if progress is not None:
                progress(len(batch))

        if not prepared.texts:
            nothing = np.empty((0, self.dimension), dtype=np.float32)
            return TokenVectors(nothing, np.empty(0, dtype=np.int64))
        self._batcher.run(prepared.lengths, forward, done)
        return TokenVectors.of([found[index] for index in range(len(prepared.texts))])

    def _forward(  # type: ignore[override]  # several vectors a text
        self, prepared: PreparedTexts, batch: Sequence[int]
    ) -> TokenVectors:
        import torch

        route, features = prepared.model_input
        given = _rows(features, batch, self._device)
        with torch.inference_mode():
            out = self._model(given, task=route)
            vectors, counts = out["token_embeddings"], out["attention_mask"].bool()
            if self._protocol.normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=-1)
            rows = vectors[counts].float().cpu().numpy()
        return TokenVectors(rows, counts.sum(dim=1).cpu().numpy().astype(np.int64))

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        if not self._by_rows:
            raise EngineError(
                f"{self._checkpoint.name} does not read texts as rows of tokens, which "
                "late-interaction models do",
                "evaluate it with mteb itself",
            )
        _, (route, features) = super()._tokenise(texts, prefix)
        return _used(features).sum(dim=1).tolist(), (route, features)


def _used(features: dict[str, Any]) -> Any:
    """Positions that the model sees or scores: those that extend a query may be only scored."""
    used = features["attention_mask"].bool()
    extended = features.get("query_expansion_positions")
    return used if extended is None else used | extended.bool()


def _rows(features: dict[str, Any], batch: Sequence[int], device: str) -> dict[str, Any]:
    """The features of some texts, without the padding that only others need."""
    import torch

    used = _used(features)[batch].any(dim=0).nonzero().flatten()
    columns = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
    return {
        name: to_device(value[batch, columns], device) if torch.is_tensor(value) else value
        for name, value in features.items()
    }
