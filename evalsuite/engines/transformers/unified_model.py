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

from evalsuite.engines import attention_probe
from evalsuite.engines.cuda.placing import straight_to
from evalsuite.engines.device import DeviceName, DTypeName, engine_version
from evalsuite.engines.length_batches import pack
from evalsuite.engines.load_errors import loading
from evalsuite.engines.protocols import Vectors
from evalsuite.engines.transformers.encoder import NO_WINDOW
from evalsuite.engines.transformers.key_values import KeyValues
from evalsuite.engines.transformers.unified_texts import UnifiedTexts
from evalsuite.errors import EngineError
from evalsuite.suspicions import refused

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

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


class UnifiedModel:
    """A causal language model that embeds and generates.

    Args:
        checkpoint: With an embedding protocol on the weights alone (not sentence-transformers).
        device: Where to run.
        dtype: Precision of weights, activations and caches.
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
        device: DeviceName,
        dtype: DTypeName,
        embed_length: int | None = None,
    ) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self.texts = UnifiedTexts(checkpoint, embed_length)
        self._protocol = self.texts.protocol
        self.device = device
        self.dtype = dtype
        with loading(checkpoint, "model"):
            model: Any = AutoModelForCausalLM.from_pretrained(
                checkpoint.path,
                dtype=getattr(torch, self.dtype),
                trust_remote_code=checkpoint.trust_remote_code,
                **straight_to(device),
            )
        self._model = model.eval()
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
            done: Called with the number of texts of each finished batch.

        Returns:
            Shape ``(n, d)``, float32.
        """
        import torch

        lengths = [len(row) for row in rows]
        vectors = np.empty((len(rows), self.size), dtype=np.float32)
        for batch in pack(lengths, BATCH_TOKENS[self.device], equal=True):
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
        """Check by what the model does that the attention is switched for embedding.

        Raises:
            EngineError: If hidden states depend on later tokens and should not, or the reverse.
        """
        import torch

        vocabulary = int(self._config.vocab_size)
        before = slice(attention_probe.TOKENS - 1)
        with torch.inference_mode():
            hidden, _ = self._embedding_pass(attention_probe.probes(vocabulary), use_cache=False)
        one, other = hidden[:, before].float()
        sinks = attention_probe.SINKS[self.device]
        observed = attention_probe.observe(one, other, self.dtype, sinks=sinks)
        attention_probe.check(type(self._model).__name__, observed, self._protocol.attention)
