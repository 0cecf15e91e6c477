"""One transformers model that embeds texts and generates from the key-value caches of that.

This is retrieval-augmented generation with caching (GRIT paper, section 4): the pass that gives a
text's vector leaves the cache that generation starts from.

Embedding uses the attention of the checkpoint's protocol (bidirectional for GRIT), generation is
causal. Both run on one set of weights: attention is a switch in the config that transformers reads
at each pass. Each text is run alone or beside texts of the very same length: nothing is padded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.engines.encoders import loading
from evalsuite.engines.protocols import Device, DType, Vectors
from evalsuite.engines.transformers.cacheable import why_not_cached
from evalsuite.engines.transformers.encoder import NO_WINDOW, TextTokenizer
from evalsuite.engines.transformers.key_values import KeyValues
from evalsuite.errors import CheckpointError, EngineError, UsageError
from evalsuite.results.suspicions import refused

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol

ENGINE = "transformers-cached"
BATCH_TOKENS = {"cpu": 4096, "cuda": 32768}
"""Tokens of texts of one length that are embedded together."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text's vector, and what its pass left behind."""

    vector: Vectors
    """Shape ``(d,)``, float32."""
    states: KeyValues
    seconds: float


@dataclass(frozen=True, slots=True)
class Generated:
    """A greedy answer."""

    token_ids: tuple[int, ...]
    """Without the end-of-text token."""
    prefill: float
    """Seconds until the first token was known."""
    decode: float
    """Seconds for the other tokens."""


class CachedModel:
    """A causal language model that embeds and generates.

    Args:
        checkpoint: With an embedding protocol on the weights alone (not sentence-transformers).
        device: Where to run.
        dtype: Precision of weights, activations and caches; ``auto`` as in generation.
        embed_length: Tokens after which a text to embed is cut; ``None`` for all positions.

    Raises:
        CheckpointError: If the checkpoint cannot embed and generate, or cannot be loaded.
        EngineError: If the model does not show the attention that the protocol asks for.
        UsageError: If ``embed_length`` is beyond the model's positions.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: Device = "auto",
        dtype: DType = "auto",
        embed_length: int | None = None,
    ) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self.texts = CachedTexts(checkpoint, embed_length)
        self._protocol = self.texts.protocol
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device, "generative")
        with loading(checkpoint, "model"):
            model: Any = AutoModelForCausalLM.from_pretrained(
                checkpoint.path,
                dtype=getattr(torch, self.dtype),
                trust_remote_code=checkpoint.trust_remote_code,
            )
        self._model = model.to(self.device).eval()
        self._body = model.get_decoder()
        self._config = self._body.config
        named = model.generation_config.eos_token_id
        ends = named if isinstance(named, list) else [named]
        self._end_ids = {int(end) for end in (*ends, self.texts.end_id) if end is not None}
        self._verify_attention()

    @property
    def version(self) -> str:
        """Name and version for signatures."""
        return engine_version(ENGINE)

    @property
    def positions(self) -> int:
        """Tokens of prompt and answer together."""
        return self.texts.positions

    @property
    def size(self) -> int:
        """Length of a vector."""
        return int(self._config.hidden_size)

    @property
    def bytes_per_token(self) -> int:
        """Of a cache: keys and values of all layers."""
        config = self._config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        width = self._model.dtype.itemsize
        return int(2 * config.num_hidden_layers * heads * head * width)

    def embed(self, ids: Sequence[int], pooled_from: int = 0) -> Embedded:
        """Embed one text and keep its cache.

        Args:
            ids: Its tokens, BOS included.
            pooled_from: First position that enters the pooling.
        """
        import torch

        started = self.clock()
        with torch.inference_mode():
            hidden, cache = self._embedding_pass([ids], use_cache=True)
            vector = self._pool(hidden, pooled_from)[0]
        return Embedded(vector, KeyValues.of_cache(cache), self.clock() - started)

    def embed_many(
        self, rows: Sequence[Sequence[int]], pooled_from: int, done: Callable[[int], None]
    ) -> Vectors:
        """Embed texts without keeping caches.

        Texts of one length share a batch, so that the vectors are those of :meth:`embed` but for
        the rounding of other shapes of matrices.

        Args:
            rows: Tokens of each text.
            pooled_from: First position that enters the pooling.
            done: Told how many texts are done since the last call.

        Returns:
            Shape ``(n, d)``, float32.
        """
        import torch

        vectors = np.empty((len(rows), self.size), dtype=np.float32)
        for batch in equal_lengths([len(row) for row in rows], BATCH_TOKENS[self.device]):
            with torch.inference_mode():
                hidden, _ = self._embedding_pass([rows[i] for i in batch], use_cache=False)
                vectors[batch] = self._pool(hidden, pooled_from)
            done(len(batch))
        return vectors

    def key_values(self, ids: Sequence[int]) -> KeyValues:
        """The cache of a text's embedding pass alone."""
        return self.embed(ids).states

    def generate(
        self,
        states: KeyValues | None,
        ids: Sequence[int],
        max_tokens: int,
        *,
        stop: bool = True,
    ) -> Generated:
        """Continue greedily, with causal attention, after a cache and further tokens.

        The first token is never an end of text (``min_new_tokens 1``).

        Args:
            states: Of what comes before ``ids``; not changed. The first of ``ids`` has the
                position that follows the last of its positions, counted.
            ids: At least one token.
            max_tokens: Length of the answer at most.
            stop: Whether an end of text ends the answer; otherwise it has ``max_tokens`` tokens.

        Raises:
            EngineError: If the tokens exceed the model's positions.
        """
        import torch

        past = states.tokens if states else 0
        if past + len(ids) + max_tokens > self.positions:
            raise EngineError(
                f"{past} cached and {len(ids)} prompt tokens and {max_tokens} to generate are more "
                f"than the model's {self.positions} positions",
                "use shorter texts",
            )
        started = self.clock()
        with torch.inference_mode():
            cache = (states or KeyValues(())).as_cache()
            logits = self._generating_pass(ids, past, cache)
            if stop:
                logits[list(self._end_ids)] = -torch.inf
            token = int(logits.argmax())
            middle = self.clock()
            answer = [token]
            while len(answer) < max_tokens:
                token = int(self._generating_pass([token], past + len(ids), cache).argmax())
                past += 1
                if stop and token in self._end_ids:
                    break
                answer.append(token)
        return Generated(tuple(answer), middle - started, self.clock() - middle)

    def logits(self, states: KeyValues | None, ids: Sequence[int]) -> Vectors:
        """Scores of the token that follows a cache and further tokens, shape ``(vocabulary,)``."""
        import torch

        with torch.inference_mode():
            cache = (states or KeyValues(())).as_cache()
            found = self._generating_pass(ids, states.tokens if states else 0, cache)
        scores: Vectors = found.float().cpu().numpy()
        return scores

    def clock(self) -> float:
        """Seconds, once the device has done all that it was given."""
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    def close(self) -> None:
        """Free the model."""
        del self._model, self._body
        if self.device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def _embedding_pass(self, rows: Sequence[Sequence[int]], *, use_cache: bool) -> tuple[Any, Any]:
        """Last hidden states ``(b, t, d)`` of rows of one length, and the cache."""
        import torch

        ids = torch.tensor([list(row) for row in rows], device=self.device)
        cache = KeyValues(()).as_cache() if use_cache else None
        with self._attention(self._protocol.attention or "causal"):
            output = self._body(input_ids=ids, past_key_values=cache, use_cache=use_cache)
        return output.last_hidden_state, cache

    def _generating_pass(self, ids: Sequence[int], past: int, cache: Any) -> Any:
        """Logits ``(vocabulary,)`` after the last of ``ids``; the cache grows."""
        import torch

        output = self._model(
            input_ids=torch.tensor([list(ids)], device=self.device),
            position_ids=torch.arange(past, past + len(ids), device=self.device)[None],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[0, -1]

    @contextmanager
    def _attention(self, wanted: str) -> Iterator[None]:
        """Switch the model's attention for the passes inside."""
        config = self._config
        before = {
            key: getattr(config, key)
            for key in ("is_causal", "sliding_window")
            if hasattr(config, key)
        }
        if wanted == "bidirectional":
            config.is_causal = False
            if before.get("sliding_window") is not None:
                config.sliding_window = NO_WINDOW
        try:
            yield
        finally:
            config.is_causal = before.pop("is_causal", True)
            for key, value in before.items():
                setattr(config, key, value)

    def _pool(self, hidden: Any, pooled_from: int) -> Vectors:
        import torch

        from evalsuite.engines.pooling import pool

        pooling = self._protocol.pooling
        assert pooling != "model"
        places = torch.arange(hidden.shape[1], device=hidden.device)
        mask = (places >= min(pooled_from, hidden.shape[1] - 1)).long()
        mask = mask[None].expand(hidden.shape[:2])
        found = pool(hidden, mask, pooling, normalize=self._protocol.normalize)
        vectors: Vectors = found.cpu().numpy()
        if not np.isfinite(vectors).all():
            raise refused(
                "not-finite",
                "the model gives embeddings that are not finite",
                "try --dtype float32, and check the checkpoint's weights",
            )
        return vectors

    def _verify_attention(self) -> None:
        """Check by what the model does that the switch works, in both positions.

        Raises:
            EngineError: If the first token's states depend on the last token and should not, or
                the reverse.
        """
        import torch

        one = [5, 12, 19, 26, 33, 40, 47, 54]
        with torch.inference_mode():
            first, _ = self._embedding_pass([one], use_cache=False)
            other, _ = self._embedding_pass([[*one[:-1], 55]], use_cache=False)
        change = float((first - other)[0, 0].norm() / first[0, 0].norm())
        sees_later = change > (1e-5 if self.dtype == "float32" else 5e-3)
        if sees_later != (self._protocol.attention == "bidirectional"):
            raise EngineError(
                f"{type(self._model).__name__} does not embed with the "
                f"{self._protocol.attention} attention that the protocol asks for",
                "caching needs a decoder whose attention transformers can switch",
            )


class CachedTexts:
    """The tokens of texts, for embedding and for generation; loads no weights.

    Vectors are scaled to length 1: the authors' ``rag/eval.py`` leaves ``GritLM.encode`` at its
    default, other than their script for MTEB.

    Args:
        checkpoint: With an embedding protocol on the weights alone.
        embed_length: Tokens after which a text to embed is cut; ``None`` for all positions.

    Raises:
        CheckpointError: If the checkpoint has no such protocol, or no tokenizer that loads.
        UsageError: If ``embed_length`` is beyond the model's positions.
    """

    def __init__(self, checkpoint: Checkpoint, embed_length: int | None = None) -> None:
        from transformers import AutoTokenizer

        if reason := why_not_cached(checkpoint):
            raise CheckpointError(f"{checkpoint.name}: {reason}")
        assert checkpoint.embedding is not None
        self.positions = checkpoint.max_positions or 2048
        if embed_length and embed_length > self.positions:
            raise UsageError(
                f"--embed-length {embed_length} is beyond the {self.positions} positions of "
                f"{checkpoint.name}",
                f"pass {self.positions} or less",
            )
        length = embed_length or self.positions
        self.protocol: EmbeddingProtocol = checkpoint.embedding.model_copy(
            update={"max_length": length, "normalize": True}
        )
        self._embedding = TextTokenizer(checkpoint, self.protocol)
        with loading(checkpoint, "tokenizer"):
            self.tokenizer: Any = AutoTokenizer.from_pretrained(
                checkpoint.tokenizer_path, trust_remote_code=checkpoint.trust_remote_code
            )
        self.end_id: int | None = self.tokenizer.eos_token_id

    def embedding_ids(self, text: str) -> tuple[int, ...]:
        """A text in the format for embedding without an instruction, BOS included."""
        return tuple(self._embedding.rows([text], self.protocol.prefix(""))[0])

    @property
    def pooled_from(self) -> int:
        """First position of :meth:`embedding_ids` that enters the pooling."""
        return self._embedding.instruction_length(self.protocol.prefix(""))

    def ids(self, text: str, *, bos: bool) -> tuple[int, ...]:
        """A text as it is, with or without the special tokens that the tokenizer adds."""
        return tuple(self.tokenizer(text, add_special_tokens=bos)["input_ids"])

    def text(self, ids: Sequence[int]) -> str:
        """The text of generated tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


def equal_lengths(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices of texts of one length, in batches of ``tokens`` at most (or one text)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        same = bool(batch) and lengths[index] == lengths[batch[0]]
        if batch and not (same and (len(batch) + 1) * lengths[index] <= tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
