"""Embedding with a sentence-transformers model: its own modules, in our batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.checkpoint.folder import read_json, read_object
from evalsuite.engines.base import Device, DType, Rendered, Vectors
from evalsuite.engines.batched import BatchedEncoder, Prepared
from evalsuite.engines.batching import TOKENS, Batcher
from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.engines.encoders import LONGEST, loading

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol


class SentenceTransformersEncoder(BatchedEncoder):
    """An encoder that is all sentence-transformers but for the composition of batches.

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
        device: Device,
        dtype: DType,
        weights: bool,
    ) -> None:
        self._protocol = protocol
        self._checkpoint = checkpoint
        self._device = resolve_device(device)
        self._dtype = resolve_dtype(dtype, self._device, "embedding")
        self._batcher = Batcher(TOKENS[self._device])
        self._modules: list[dict[str, Any]] = read_json(checkpoint.path / "modules.json") or []
        # A module that is no Transformer is small, and has its own way to read its tokenizer.
        whole = weights or self._folder_of("Transformer") is None
        self._model: Any = self._load() if whole else None
        model = self._model
        self._tokenizer: Any = model.tokenizer if model is not None else self._load_tokenizer()

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

        from evalsuite.engines.packed import pack_linear_layers

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
        from transformers import AutoTokenizer

        folder = self._folder_of("Transformer")
        with loading(self._checkpoint, "tokenizer"):
            return AutoTokenizer.from_pretrained(
                folder, trust_remote_code=self._checkpoint.trust_remote_code
            )

    def _ids(self, text: str, prefix: str) -> list[int]:
        """Token ids of one text with its prompt."""
        if self._model is not None:
            features = self._model.preprocess([text], prompt=prefix or None)
            ids: list[int] = features["input_ids"].flatten().tolist()
            return ids
        return self._tokenised([prefix + text])[0]

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        # The model tokenises again what it is given: modules may have a way of their own.
        return self._lengths(texts, prefix), prefix

    def _forward(self, prepared: Prepared, batch: Sequence[int]) -> Vectors:
        import numpy as np

        vectors: Vectors = self._model.encode(
            [prepared.texts[place] for place in batch],
            prompt=prepared.model_input,
            batch_size=len(batch),
            show_progress_bar=False,
            normalize_embeddings=self._protocol.normalize,
        )
        return vectors.astype(np.float32, copy=False)

    def _lengths(self, texts: Sequence[str], prefix: str) -> list[int]:
        """Tokens of each text; characters for tokenizers that are not transformers' own."""
        from transformers import PreTrainedTokenizerBase

        if not isinstance(self._tokenizer, PreTrainedTokenizerBase):
            return [1 + len(prefix) + len(text) for text in texts]
        return [len(row) for row in self._tokenised([prefix + text for text in texts])]

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
            self._checkpoint.max_positions or LONGEST, self._tokenizer.model_max_length
        )
        return int(min(self._protocol.max_length or own, LONGEST))

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
