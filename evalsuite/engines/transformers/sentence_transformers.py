"""Embedding with a sentence-transformers model: its own modules, in evalsuite's batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.checkpoint.folder import read_json, read_object
from evalsuite.checkpoint.models import split_route
from evalsuite.checkpoint.special_tokens import append_eos
from evalsuite.engines.batched_encoder import BatchedEncoder, PreparedTexts
from evalsuite.engines.cuda.placing import from_device, to_device
from evalsuite.engines.device import DeviceName, DTypeName, engine_version
from evalsuite.engines.length_batches import LengthBatcher
from evalsuite.engines.load_errors import loading
from evalsuite.engines.neighbours import check_neighbours
from evalsuite.engines.parallel_batches import ParallelBatches, Pending
from evalsuite.engines.protocols import Rendered, Vectors
from evalsuite.engines.text_tokens import NO_LIMIT, load_tokenizer
from evalsuite.errors import UsageError

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol, Route


class SentenceTransformersEncoder(BatchedEncoder):
    """An encoder that leaves all to sentence-transformers but the choice of batches.

    The prefix is given as ``prompt``, so that a model's own rule about pooling the prompt
    (``include_prompt``) holds; the route in front of it is given as ``task``. An empty prefix
    means no prompt: a default prompt is chosen by the harness, which knows which texts get it.

    Args:
        checkpoint: A folder with ``modules.json``.
        protocol: ``normalize``, ``max_length`` (``None``: the model's own) and what the folder's
            config says are honoured; attention and pooling are the model's.
        device: Where to run.
        dtype: Precision of weights and activations.
        weights: Whether to load the model; without it only :meth:`render` works.

    Raises:
        CheckpointError: If the model cannot be loaded.
        EngineError: If a text's vector depends on the texts beside it.
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
        whole = weights or self._folder_of("Transformer") is None or self._lowers()
        self._model: Any = self._load() if whole else None
        model = self._model
        self._tokenizer: Any = model.tokenizer if model is not None else self._load_tokenizer()
        self._by_rows = model is not None and self._has_rows()
        parallel = ParallelBatches.of(model, self._device) if self._by_rows else ParallelBatches()
        self._batcher = LengthBatcher.on(self._device, parallel)
        if weights:
            check_neighbours(self, self._forward, checkpoint.name, self._dtype)

    @property
    def version(self) -> str:
        return engine_version("sentence-transformers")

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension())

    def render(self, text: str, prefix: str = "") -> Rendered:
        route, prefix = split_route(prefix)
        ids = self._ids(text, prefix, route)
        pooled_from = 0
        if prefix and not self._pools_prompt():
            # As sentence-transformers measures it: the prompt alone, without a trailing [SEP].
            alone = self._ids(prefix, "", route)
            trailing = bool(alone) and alone[-1] in self._tokenizer.all_special_ids
            pooled_from = min(len(alone) - trailing, len(ids))
        return Rendered(text=prefix + text, token_ids=tuple(ids), pooled_from=pooled_from)

    def close(self) -> None:
        self._model = None
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()

    @staticmethod
    def _library_class() -> Any:
        """The library's class for such models."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer

    def _load(self) -> Any:
        import torch

        from evalsuite.engines.transformers.packed_linear import pack_linear_layers

        dtype = getattr(torch, self._dtype)
        with loading(self._checkpoint, "model"):
            model = self._library_class()(
                str(self._checkpoint.path),
                device=self._device,
                trust_remote_code=self._checkpoint.trust_remote_code,
                local_files_only=True,
                model_kwargs={"dtype": dtype},
            )
        self._settle_tokenizer(model)
        # Modules of their own (Dense) are loaded in float32 whatever the body is.
        model = model.to(dtype).eval()
        if self._device == "cpu":
            pack_linear_layers(model)
        return model

    def _settle_tokenizer(self, model: Any) -> None:
        """Give the model's tokenizer what the protocol and the checkpoint say."""
        if self._checkpoint.tokenizer is not None:
            longest = model.max_seq_length
            model.tokenizer = self._load_tokenizer()
            model.max_seq_length = longest
        self._limit_length(model)
        for module in model.modules():
            tokenizer: Any = getattr(module, "tokenizer", None)
            if self._protocol.pad_right and hasattr(tokenizer, "padding_side"):
                tokenizer.padding_side = "right"
            if self._protocol.append_eos and hasattr(tokenizer, "backend_tokenizer"):
                append_eos(tokenizer)

    def _limit_length(self, model: Any) -> None:
        wanted, positions = self._protocol.max_length, self._checkpoint.max_positions
        if model.transformers_model is None:
            if wanted is not None:
                raise UsageError(
                    f"--max-length: {self._checkpoint.name} has no transformer, and reads texts "
                    "as a whole",
                    "leave it out",
                )
        elif wanted is not None:
            model.max_seq_length = wanted
        elif positions and (model.max_seq_length or NO_LIMIT) > positions:
            # The library would fail on longer texts.
            model.max_seq_length = positions

    def _load_tokenizer(self) -> Any:
        """The tokenizer alone, with the settings that the model would give it."""
        folder = self._checkpoint.tokenizer or self._folder_of("Transformer")
        tokenizer = load_tokenizer(self._checkpoint, folder)
        if self._protocol.append_eos and self._model is None:
            append_eos(tokenizer)
        return tokenizer

    def _ids(self, text: str, prefix: str, route: Route | None) -> list[int]:
        """Token ids of one text with its prompt."""
        if self._model is not None:
            features = self._preprocess([text], prefix, route)
            found = features.get("input_ids")
            ids: list[int] = [] if found is None else found.flatten().tolist()
            return ids
        return self._tokenised([prefix + text])[0]

    def _preprocess(self, texts: list[str], prefix: str, route: Route | None) -> dict[str, Any]:
        task = {"task": route} if route else {}
        features: dict[str, Any] = self._model.preprocess(texts, prompt=prefix or None, **task)
        return features

    @property
    def prepares_apart(self) -> bool:
        return self._by_rows

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        if not self._by_rows:
            # Characters, since tokens are only known to the module.
            return [1 + len(prefix) + len(text) for text in texts], prefix
        route, prefix = split_route(prefix)
        features = self._preprocess(list(texts), prefix, route)
        return features["attention_mask"].sum(dim=1).tolist(), (route, features)

    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors | Pending:
        import numpy as np
        import torch

        if not self._by_rows:
            route, prefix = split_route(prepared.model_input)
            found: Vectors = self._model.encode(
                [prepared.texts[place] for place in batch],
                # With None the library would put the model's default prompt.
                prompt=prefix,
                **({"task": route} if route else {}),
                batch_size=len(batch),
                show_progress_bar=False,
                normalize_embeddings=self._protocol.normalize,
            )
            return found.astype(np.float32, copy=False)
        route, features = prepared.model_input
        features = _rows(features, batch, self._device)
        with torch.inference_mode():
            task = {"task": route} if route else {}
            vectors = self._model(features, **task)["sentence_embedding"]
            vectors = vectors[:, : self._model.truncate_dim]
            if self._protocol.normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=1)
            return from_device(vectors.float())

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

        routes: list[Route | None] = ["query", "document"] if self._protocol.routed else [None]
        for route in routes:
            features = self._preprocess(["a", "a b c"], "", route)
            mask = features.get("attention_mask")
            tensors = [value for value in features.values() if torch.is_tensor(value)]
            if mask is None or any(value.shape != mask.shape for value in tensors):
                return False
        return True

    def _lowers(self) -> bool:
        """Whether the library changes the tokenizer's normaliser."""
        folder = self._folder_of("Transformer")
        return bool(
            folder and read_object(folder / "sentence_bert_config.json").get("do_lower_case")
        )

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
        name: to_device(value[batch, columns], device) if torch.is_tensor(value) else value
        for name, value in features.items()
    }
