"""Embedding with a sentence-transformers model: its own modules, in evalsuite's batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.checkpoint.folder import read_json, read_object
from evalsuite.engines.batched_encoder import BatchedEncoder, PreparedTexts
from evalsuite.engines.device import DeviceName, DTypeName, engine_version
from evalsuite.engines.length_batches import TOKENS, LengthBatcher
from evalsuite.engines.load_errors import loading
from evalsuite.engines.parallel_batches import ParallelBatches
from evalsuite.engines.protocols import Rendered, Vectors
from evalsuite.engines.text_tokens import NO_LIMIT, load_tokenizer

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol


class SentenceTransformersEncoder(BatchedEncoder):
    """An encoder that leaves all to sentence-transformers but the choice of batches.

    The prefix is given as ``prompt``, so that a model's own rule about pooling the prompt
    (``include_prompt``) holds. An empty prefix means no prompt, also where the model names a
    default one.

    Args:
        checkpoint: A folder with ``modules.json``.
        protocol: ``normalize`` and ``max_length`` (``None``: the model's own) are honoured;
            attention and pooling are the model's.
        device: Where to run.
        dtype: Precision of weights and activations.
        weights: Whether to load the model; without it only :meth:`render` works.

    Raises:
        CheckpointError: If the model cannot be loaded.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        protocol: EmbeddingProtocol,
        *,
        device: DeviceName,
        dtype: DTypeName,
        weights: bool,
    ) -> None:
        self._protocol = protocol
        self._checkpoint = checkpoint
        self._device = device
        self._dtype = dtype
        self._modules: list[dict[str, Any]] = read_json(checkpoint.path / "modules.json") or []
        # Other modules than Transformer are small, and read their tokenizers in their own ways.
        whole = weights or self._folder_of("Transformer") is None
        self._model: Any = self._load() if whole else None
        model = self._model
        self._tokenizer: Any = model.tokenizer if model is not None else self._load_tokenizer()
        self._by_rows = model is not None and self._has_rows()
        parallel = ParallelBatches.of(model, self._device) if self._by_rows else ParallelBatches()
        self._batcher = LengthBatcher(TOKENS[self._device], parallel=parallel)

    @property
    def version(self) -> str:
        return engine_version("sentence-transformers")

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension())

    def render(self, text: str, prefix: str = "") -> Rendered:
        ids = self._ids(text, prefix)
        pooled_from = 0
        if prefix and not self._pools_prompt():
            # As sentence-transformers measures it: the prompt alone, without a trailing [SEP].
            alone = self._ids(prefix, "")
            trailing = bool(alone) and alone[-1] in self._tokenizer.all_special_ids
            pooled_from = min(len(alone) - trailing, len(ids))
        return Rendered(text=prefix + text, token_ids=tuple(ids), pooled_from=pooled_from)

    def close(self) -> None:
        self._model = None
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def _load(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer

        from evalsuite.engines.transformers.packed_linear import pack_linear_layers

        dtype = getattr(torch, self._dtype)
        with loading(self._checkpoint, "model"):
            model = SentenceTransformer(
                str(self._checkpoint.path),
                device=self._device,
                trust_remote_code=self._checkpoint.trust_remote_code,
                local_files_only=True,
                model_kwargs={"dtype": dtype},
            )
        if self._protocol.max_length is not None:
            model.max_seq_length = self._protocol.max_length
        # Modules of their own (Dense) are loaded in float32 whatever the body is.
        model = model.to(dtype).eval()
        if self._device == "cpu":
            pack_linear_layers(model)
        return model

    def _load_tokenizer(self) -> Any:
        """The tokenizer alone, with the settings that the model would give it."""
        return load_tokenizer(self._checkpoint, self._folder_of("Transformer"))

    def _ids(self, text: str, prefix: str) -> list[int]:
        """Token ids of one text with its prompt."""
        if self._model is not None:
            features = self._model.preprocess([text], prompt=prefix or None)
            ids: list[int] = features["input_ids"].flatten().tolist()
            return ids
        return self._tokenised([prefix + text])[0]

    @property
    def prepares_apart(self) -> bool:
        return self._by_rows

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        if not self._by_rows:
            # Characters, since tokens are only known to the module.
            return [1 + len(prefix) + len(text) for text in texts], prefix
        features = self._model.preprocess(list(texts), prompt=prefix or None)
        return features["attention_mask"].sum(dim=1).tolist(), features

    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors:
        import numpy as np
        import torch

        if not self._by_rows:
            found: Vectors = self._model.encode(
                [prepared.texts[place] for place in batch],
                prompt=prepared.model_input,
                batch_size=len(batch),
                show_progress_bar=False,
                normalize_embeddings=self._protocol.normalize,
            )
            return found.astype(np.float32, copy=False)
        features = _rows(prepared.model_input, batch, self._device)
        with torch.inference_mode():
            vectors = self._model(features)["sentence_embedding"][:, : self._model.truncate_dim]
            if self._protocol.normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=1)
            return vectors.float().cpu().numpy()  # type: ignore[no-any-return]

    def _tokenised(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = self._tokenizer(
            list(texts), truncation=True, max_length=self._limit()
        )["input_ids"]
        return rows

    def _limit(self) -> int:
        """Tokens after which a text is cut."""
        folder = self._folder_of("Transformer")
        stored = read_object(folder / "sentence_bert_config.json") if folder else {}
        own = stored.get("max_seq_length") or min(
            self._checkpoint.max_positions or NO_LIMIT, self._tokenizer.model_max_length
        )
        return int(min(self._protocol.max_length or own, NO_LIMIT))

    def _has_rows(self) -> bool:
        """Whether the first module makes one row of tokens a text, so that rows can be chosen.

        A bag of words, or texts laid end to end for one kernel, has none.
        """
        import torch

        features = self._model.preprocess(["a", "a b c"])
        mask = features.get("attention_mask")
        tensors = [value for value in features.values() if torch.is_tensor(value)]
        return mask is not None and all(value.shape == mask.shape for value in tensors)

    def _pools_prompt(self) -> bool:
        folder = self._folder_of("Pooling")
        stored = read_object(folder / "config.json") if folder else {}
        return bool(stored.get("include_prompt", True))

    def _folder_of(self, kind: str) -> Path | None:
        """Folder of the first module of a kind."""
        for module in self._modules:
            if str(module.get("type", "")).rpartition(".")[2] == kind:
                return self._checkpoint.path / str(module.get("path", ""))
        return None


def _rows(features: dict[str, Any], batch: Sequence[int], device: str) -> dict[str, Any]:
    """The features of some texts, without the padding that only others need."""
    import torch

    mask = features["attention_mask"][batch]
    used = mask.any(dim=0).nonzero().flatten()
    # Padding may stand on either side.
    columns = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
    return {
        name: value[batch, columns].to(device) if torch.is_tensor(value) else value
        for name, value in features.items()
    }
