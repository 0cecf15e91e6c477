"""Embedding with the body of any transformers model, after the GRIT authors' ``GritLM.encode``.

The protocol (GRIT paper, Appendix E and Figure 3; ``gritlm.py``): instruction and text are
tokenised as one string, with the special tokens that the tokenizer adds; cut after 512 tokens
and padded on the right; run through the body without the language-modelling head, with
bidirectional attention; the mean is taken in float32 over the positions after as many tokens as
the instruction has when tokenised alone.

Defined here, where the authors' code gives NaN or leaves it open:

* Nothing is left after the instruction (empty text, or an instruction as long as the limit): the
  last token of the sequence is pooled.
* No token at all (empty text, no instruction, a tokenizer without BOS): the end-of-text token.
* A literal BOS at the beginning does not double the one that the tokenizer adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from evalsuite.checkpoint.tokenizer import append_eos
from evalsuite.engines import attention
from evalsuite.engines.batched import BatchedEncoder, Prepared
from evalsuite.engines.batching import TOKENS, Batcher
from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.engines.encoders import LONGEST, loading
from evalsuite.engines.neighbours import check_neighbours
from evalsuite.engines.protocols import Device, DType, Rendered, Vectors
from evalsuite.engines.transformers.streams import Streams
from evalsuite.errors import CheckpointError

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
    from evalsuite.schema import Attention

NO_WINDOW: Final = 2**30
"""A sliding window that no text fills: with bidirectional attention there is none, as GRIT was
run. A number rather than ``None``, so that families with several kinds of layers still load."""

_LEAVE_INSTRUCTION_OUT: Final = ("mean", "weighted_mean")
"""Poolings for which ``gritlm.py`` masks the instruction. ``cls`` is the first token of the whole
sequence, and ``last`` comes after the instruction anyway."""

_DISTANCE: Final = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.1}
"""Relative distance of hidden states that different kernels for one attention may have."""


class TextTokenizer:
    """Turns prefix and text into the ids that the model is given.

    Args:
        checkpoint: The checkpoint.
        protocol: How it embeds.

    Raises:
        CheckpointError: If the tokenizer cannot be loaded.
    """

    def __init__(self, checkpoint: Checkpoint, protocol: EmbeddingProtocol) -> None:
        from transformers import AutoTokenizer

        with loading(checkpoint, "tokenizer"):
            tokenizer: Any = AutoTokenizer.from_pretrained(
                checkpoint.tokenizer_path, trust_remote_code=checkpoint.trust_remote_code
            )
        tokenizer.truncation_side = "right"
        if protocol.append_eos:
            append_eos(tokenizer)
        self._tokenizer = tokenizer
        own = [n for n in (checkpoint.max_positions, tokenizer.model_max_length) if n]
        self.max_length: int = protocol.max_length or int(min(LONGEST, *own))
        ends = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id, 0)
        self._end_id = int(next(end for end in ends if end is not None))
        self.pad_id = int(
            self._end_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        )
        averaged = protocol.pooling in _LEAVE_INSTRUCTION_OUT
        self._leave_out = averaged and not protocol.pool_instruction
        bos = tokenizer.bos_token_id
        adds_bos = bos is not None and self._ids([""], special=True)[0][:1] == [bos]
        self._literal_bos: str = tokenizer.bos_token if adds_bos else ""

    def rows(self, texts: Sequence[str], prefix: str) -> list[list[int]]:
        """Token ids of each text with its prefix: at least one, ``max_length`` at most."""
        whole = [self.joined(text, prefix) for text in texts]
        return [row or [self._end_id] for row in self._ids(whole, special=True)]

    def joined(self, text: str, prefix: str) -> str:
        """Prefix and text, without a literal BOS where the tokenizer adds its own."""
        whole = prefix + text
        if self._literal_bos:
            while whole.startswith(self._literal_bos):
                whole = whole[len(self._literal_bos) :]
        return whole

    def instruction_length(self, prefix: str) -> int:
        """Number of leading positions that do not enter the pooling.

        As in ``gritlm.py``, the prefix is tokenised alone with special tokens; those that the
        tokenizer puts behind it (``[SEP]``) do not count, since in the sequence they come last.
        """
        if not prefix or not self._leave_out:
            return 0
        alone = self.joined("", prefix)
        bare = self._ids([alone], special=False)[0]
        whole = self._ids([alone], special=True)[0]
        starts = range(len(whole) - len(bare) + 1)
        start = next((at for at in starts if whole[at : at + len(bare)] == bare), 0)
        return start + len(bare)

    def render(self, text: str, prefix: str) -> Rendered:
        """What the model is given for one text."""
        row = self.rows([text], prefix)[0]
        return Rendered(
            text=self.joined(text, prefix),
            token_ids=tuple(row),
            pooled_from=min(self.instruction_length(prefix), len(row) - 1),
        )

    def _ids(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        encoded: list[list[int]] = self._tokenizer(
            list(texts),
            add_special_tokens=special,
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return encoded


class TransformersEncoder(BatchedEncoder):
    """An encoder on the hidden states of a transformers model.

    Args:
        checkpoint: Its embedding protocol says how to embed.
        device: Where to run.
        dtype: Precision of weights and activations; pooling is always in float32.
        weights: Whether to load the model; without it only :meth:`render` works.

    Raises:
        CheckpointError: If tokenizer or model cannot be loaded.
        EngineError: If the model does not show the attention that the protocol asks for.
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
        self._device = resolve_device(device)
        self._dtype = resolve_dtype(dtype, self._device, "embedding")
        self._tokens = TextTokenizer(checkpoint, protocol)
        self._explicit_mask = False
        self._model: Any = None
        if weights:
            self._model = self._load(checkpoint)
            streams = Streams.of(self._model, self._device)
            self._batcher = Batcher(TOKENS[self._device], streams=streams)
            self._settle_attention()
            check_neighbours(self, self._forward, checkpoint.name, self._dtype)

    @property
    def version(self) -> str:
        return engine_version("transformers")

    @property
    def dimension(self) -> int:
        return int(self._model.config.get_text_config().hidden_size)

    def render(self, text: str, prefix: str = "") -> Rendered:
        return self._tokens.render(text, prefix)

    def close(self) -> None:
        self._model = None
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def verify_attention(self) -> None:
        """Check by what the model does, not by what it is told, how it attends.

        Raises:
            EngineError: If hidden states depend on later tokens and should not, or the reverse.
        """
        observed = self._observed_attention()
        attention.check(type(self._model).__name__, observed, self._protocol.attention)

    def _load(self, checkpoint: Checkpoint) -> Any:
        import torch
        from transformers import AutoConfig, AutoModel

        from evalsuite.engines.transformers.packed import pack_linear_layers

        remote = checkpoint.trust_remote_code
        with loading(checkpoint, "model"):
            config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=remote)
            text_config = config.get_text_config()
            text_config.use_cache = False
            if self._protocol.attention == "bidirectional":
                text_config.is_causal = False
                if getattr(text_config, "sliding_window", None) is not None:
                    text_config.sliding_window = NO_WINDOW
            # Without an argument the attention is sdpa, for all families that have it.
            model, info = AutoModel.from_pretrained(
                checkpoint.path,
                config=config,
                dtype=getattr(torch, self._dtype),
                trust_remote_code=remote,
                output_loading_info=True,
            )
        # The pooler (BERT) is not used: the vectors come from the last hidden states.
        missing = sorted(name for name in info["missing_keys"] if "pooler" not in name)
        if missing:
            raise CheckpointError(
                f"{checkpoint.name} lacks {len(missing)} weights of {type(model).__name__} "
                f"({missing[0]} …)",
                "the checkpoint is incomplete, or its config names another architecture",
            )
        model = model.to(self._device).eval()
        if self._device == "cpu":
            pack_linear_layers(model)
        return model

    def _settle_attention(self) -> None:
        """Use a mask of our own where the config's switch does nothing for a family."""
        wanted = self._protocol.attention
        if wanted is None:
            return
        if wanted == "bidirectional" and self._observed_attention() != wanted:
            self._explicit_mask = True
        self.verify_attention()

    def _observed_attention(self) -> Attention | None:
        """How the model attends; ``None`` where it is neither causal nor bidirectional.

        Besides what the probes show, the hidden states of bidirectional attention are those that
        an explicit mask gives: this tells a model of which some layers are causal or see through
        a window. Tried with and without padding, since without it sdpa gets no mask but a flag.
        """
        import torch

        hidden = self._probe()
        before = hidden[:, : attention.TOKENS - 1]
        changed = attention.changed(before[::2], before[1::2], self._dtype)
        if not changed.all():
            return None if changed.any() else "causal"
        chosen, self._explicit_mask = self._explicit_mask, True
        try:
            full = self._probe()
        except (ValueError, RuntimeError, TypeError, IndexError):
            # Some families (OPT) take no such mask; then the changes have to suffice.
            return "bidirectional"
        finally:
            self._explicit_mask = chosen
        distance = torch.dist(hidden, full) / torch.linalg.vector_norm(full)
        return "bidirectional" if distance <= _DISTANCE[self._dtype] else None

    def _probe(self) -> Any:
        """Hidden states ``(4, t, d)`` of two like sequences, without and with padding."""
        import torch

        vocabulary = int(self._model.config.get_text_config().vocab_size)
        one, other = attention.probes(vocabulary)
        with torch.inference_mode():
            plain, _ = self._hidden([one, other])
            padded, _ = self._hidden([one, other, [*one, *one]])
            return torch.cat([plain, padded[:2, : attention.TOKENS]]).float()

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        rows = self._tokens.rows(texts, prefix)
        skip = self._tokens.instruction_length(prefix)
        return [len(row) for row in rows], (rows, skip)

    def _forward(self, prepared: Prepared, batch: Sequence[int]) -> Vectors:
        import torch

        from evalsuite.engines.pooling import pool

        rows, skip = prepared.model_input
        with torch.inference_mode():
            hidden, mask = self._hidden([rows[place] for place in batch])
            if skip:
                # At least the last token stays, so that no sum is empty.
                first = torch.clamp(mask.sum(dim=1, keepdim=True) - 1, max=skip)
                mask = mask * (torch.arange(mask.shape[1], device=mask.device) >= first)
            pooling = self._protocol.pooling
            assert pooling != "model"
            vectors = pool(hidden, mask, pooling, normalize=self._protocol.normalize)
            result: Vectors = vectors.cpu().numpy()
        return result

    def _hidden(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Last hidden states ``(b, t, d)`` and padding mask ``(b, t)`` of padded rows."""
        import torch

        width = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[self._tokens.pad_id] * (width - len(row))] for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(width) < lengths[:, None]).long()
        ids, mask = ids.to(self._device), mask.to(self._device)
        given = self._explicit(mask) if self._explicit_mask else mask
        return self._model(input_ids=ids, attention_mask=given).last_hidden_state, mask

    def _explicit(self, mask: Any) -> Any:
        """Additive mask ``(b, 1, t, t)``: each token sees all tokens but the padding."""
        import torch

        dtype = self._model.dtype
        additive = (1 - mask).to(dtype) * torch.finfo(dtype).min
        return additive[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
