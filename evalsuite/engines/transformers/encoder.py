"""Embedding with the body of any transformers model, after the GRIT authors' ``GritLM.encode``.

The protocol (GRIT paper, Appendix E and Figure 3; ``gritlm.py``): texts are tokenised as
:mod:`evalsuite.engines.text_tokens` says; cut after 512 tokens and padded on the right; run through
the body without the language-modelling head, with bidirectional attention; the mean is taken in
float32 over the positions after the instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from evalsuite.engines import attention_probe
from evalsuite.engines.batched_encoder import PreparedTexts
from evalsuite.engines.cuda.placing import from_device, straight_to, to_device
from evalsuite.engines.device import DeviceName, DTypeName, engine_version
from evalsuite.engines.length_batches import LengthBatcher
from evalsuite.engines.load_errors import loading
from evalsuite.engines.neighbours import check_neighbours
from evalsuite.engines.parallel_batches import ParallelBatches, Pending
from evalsuite.engines.protocols import Vectors
from evalsuite.engines.text_tokens import TextTokenizer, TokenisedTexts
from evalsuite.engines.token_encoder import TokenEncoder
from evalsuite.errors import CheckpointError

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol

NO_WINDOW: Final = 2**30
"""A sliding window longer than any text, in place of the model's own: GRIT was run without windows
when it attended bidirectionally. It is a number rather than ``None``, so that families with several
kinds of layers still load."""

_DISTANCE: Final = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.1}
"""Relative distance of hidden states that different kernels for one attention may have."""


class TransformersEncoder(TokenEncoder):
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
        device: DeviceName,
        dtype: DTypeName,
        weights: bool,
    ) -> None:
        self._protocol = protocol
        self._device = device
        self._dtype = dtype
        self._tokens = TextTokenizer(checkpoint, protocol)
        self._explicit_mask = False
        self._model: Any = None
        if weights:
            self._model = self._load(checkpoint)
            parallel = ParallelBatches.of(self._model, self._device)
            self._batcher = LengthBatcher.on(self._device, parallel)
            self._settle_attention()
            check_neighbours(self, self._forward, checkpoint.name, self._dtype)

    @property
    def version(self) -> str:
        return engine_version("transformers")

    @property
    def dimension(self) -> int:
        return int(self._model.config.get_text_config().hidden_size)

    def close(self) -> None:
        self._model = None
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()

    @property
    def _architecture(self) -> str:
        return type(self._model).__name__

    def _load(self, checkpoint: Checkpoint) -> Any:
        import torch
        from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding

        from evalsuite.engines.transformers.packed_linear import pack_linear_layers

        remote = checkpoint.trust_remote_code
        with loading(checkpoint, "model"):
            config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=remote)
            text_config = config.get_text_config()
            text_config.use_cache = False
            if self._protocol.attention == "bidirectional":
                text_config.is_causal = False
                if getattr(text_config, "sliding_window", None) is not None:
                    text_config.sliding_window = NO_WINDOW
            # AutoModel of an encoder-decoder's family has a decoder, whatever was saved.
            alone = (config.architectures or [""])[0].endswith("EncoderModel")
            auto = AutoModelForTextEncoding if alone else AutoModel
            # Without an argument the attention is sdpa, for all families that have it.
            model, info = auto.from_pretrained(
                checkpoint.path,
                config=config,
                dtype=getattr(torch, self._dtype),
                trust_remote_code=remote,
                output_loading_info=True,
                **straight_to(self._device),
            )
        # The pooler (BERT) is not used: the vectors come from the last hidden states.
        missing = sorted(name for name in info["missing_keys"] if "pooler" not in name)
        if missing:
            raise CheckpointError(
                f"{checkpoint.name} lacks {len(missing)} weights of {type(model).__name__} "
                f"({missing[0]} …)",
                "the checkpoint is incomplete, or its config names another architecture",
            )
        model = model.eval()
        if self._device == "cpu":
            pack_linear_layers(model)
        return model

    def _settle_attention(self) -> None:
        """Use a mask of our own where the config's switch does nothing for a family."""
        wanted = self._protocol.attention
        if wanted is None:
            return
        if wanted == "bidirectional" and self._observed_attention().attention != wanted:
            self._explicit_mask = True
        self.verify_attention()

    def _observed_attention(self) -> attention_probe.Observed:
        """How the model attends.

        The probes alone do not show it if only some layers are causal or see through a window. So
        the hidden states are also compared with those under an explicit bidirectional mask. All is
        done with and without padding, because sdpa gets a flag instead of a mask without padding.
        """
        hidden = self._probe()
        before = hidden[:, : attention_probe.TOKENS - 1]
        sinks = attention_probe.SINKS[self._device]
        observed = attention_probe.observe(before[::2], before[1::2], self._dtype, sinks=sinks)
        if observed.attention != "bidirectional":
            return observed
        chosen, self._explicit_mask = self._explicit_mask, True
        try:
            full = self._probe()
        except (ValueError, RuntimeError, TypeError, IndexError):
            # Some families (OPT) take no such mask; then the changes have to suffice.
            return observed
        finally:
            self._explicit_mask = chosen
        distance = _distance(hidden, full, self._device)
        if distance <= _DISTANCE[self._dtype]:
            return observed
        figures = f"{distance:.1e} from the states under a full mask, at most "
        return attention_probe.Observed(None, f"{figures}{_DISTANCE[self._dtype]:g} is rounding")

    def _probe(self) -> Any:
        """Hidden states ``(4, t, d)`` of two like sequences, without and with padding."""
        import torch

        vocabulary = int(self._model.config.get_text_config().vocab_size)
        one, other = attention_probe.probes(vocabulary)
        with torch.inference_mode():
            plain, _ = self._hidden([one, other])
            padded, _ = self._hidden([one, other, [*one, *one]])
            return torch.cat([plain, padded[:2, : attention_probe.TOKENS]]).float()

    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors | Pending:
        import torch

        from evalsuite.engines.pooling import pool

        texts: TokenisedTexts = prepared.model_input
        with torch.inference_mode():
            hidden, mask = self._hidden([texts.rows[index] for index in batch])
            if texts.leave_out:
                # At least the last token stays, so that no sum is empty.
                first = torch.clamp(mask.sum(dim=1, keepdim=True) - 1, max=texts.leave_out)
                mask = mask * (torch.arange(mask.shape[1], device=mask.device) >= first)
            pooling = self._protocol.pooling
            assert pooling != "model"
            vectors = pool(hidden, mask, pooling, normalize=self._protocol.normalize)
            return from_device(vectors)

    def _hidden(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Last hidden states ``(b, t, d)`` and padding mask ``(b, t)`` of padded rows."""
        import torch

        width = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[self._tokens.pad_id] * (width - len(row))] for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(width) < lengths[:, None]).long()
        ids, mask = to_device(ids, self._device), to_device(mask, self._device)
        given = self._explicit(mask) if self._explicit_mask else mask
        return self._model(input_ids=ids, attention_mask=given).last_hidden_state, mask

    def _explicit(self, mask: Any) -> Any:
        """Additive mask ``(b, 1, t, t)``: each token sees all tokens but the padding."""
        import torch

        dtype = self._model.dtype
        additive = (1 - mask).to(dtype) * torch.finfo(dtype).min
        return additive[:, None, None, :].expand(-1, 1, mask.shape[1], -1)


def _distance(hidden: Any, full: Any, device: str) -> float:
    """Relative distance of hidden states ``(…, d)`` from those of other kernels.

    On a GPU the median over tokens: there the kernels differ in more than their sums' order, and
    where rounding sends a token of a mixture of experts to another expert, its state is another.
    """
    import torch

    if device == "cpu":
        return float(torch.dist(hidden, full) / torch.linalg.vector_norm(full))
    each = (hidden - full).norm(dim=-1) / full.norm(dim=-1)
    return float(each.median())
