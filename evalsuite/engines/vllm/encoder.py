"""Embedding with a causal language model in vLLM: the vectors of the transformers encoder.

The protocol is that of :mod:`evalsuite.engines.transformers.encoder`, with the same token ids. The
hidden states are pooled inside the engine (:mod:`evalsuite.engines.vllm.pooler`). As for
generation, vLLM runs inside the current process: see :mod:`evalsuite.engines.vllm.engine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from evalsuite.engines import attention_probe
from evalsuite.engines.batched_encoder import PreparedTexts
from evalsuite.engines.call_scheduler import CallScheduler, OngoingCall, Pass
from evalsuite.engines.cuda.gpu import Gpu
from evalsuite.engines.device import DeviceName, DTypeName, engine_version
from evalsuite.engines.length_batches import TOKENS, LengthBatcher
from evalsuite.engines.load_errors import loading
from evalsuite.engines.protocols import Vectors
from evalsuite.engines.text_tokens import NO_LIMIT, TextTokenizer, TokenisedTexts
from evalsuite.engines.token_encoder import TokenEncoder
from evalsuite.engines.vllm.engine import VllmEngine
from evalsuite.engines.vllm.plugin import ARCHITECTURES
from evalsuite.errors import EngineError

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
    from evalsuite.schema import Pooling

TEXTS: Final[dict[str, int]] = {"cpu": 256, "cuda": 1024}
"""Device → texts handed to vLLM at a time, which makes its own batches of them. On a GPU these
are all of a shard: the engine runs short of work only at the shard's end."""


class VllmEncoder(TokenEncoder):
    """An encoder on the hidden states of a model in vLLM.

    Args:
        checkpoint: Its embedding protocol says how to embed.
        protocol: The same protocol.
        gpu: Where to run; ``None`` for a CPU. The installed vLLM was built for it.
        dtype: Precision of weights and activations; pooling is always in float32.
        weights: Whether to load the model; without it only :meth:`render` works.
        gpu_memory: Share of the GPU's memory to take; ``None`` for what is free.

    Raises:
        CheckpointError: If the tokenizer or the config cannot be loaded.
        EngineError: If vLLM fails to load the model, or the model does not
            show the attention that the protocol asks for.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        protocol: EmbeddingProtocol,
        *,
        gpu: Gpu | None,
        dtype: DTypeName,
        weights: bool,
        gpu_memory: float | None = None,
    ) -> None:
        self._protocol = protocol
        self._tokens = TextTokenizer(checkpoint, protocol)
        self._model: Any = None
        if weights:
            device: DeviceName = "cpu" if gpu is None else "cuda"
            self._batcher = LengthBatcher(TEXTS[device] * self._tokens.max_length, TEXTS[device])
            self._dtype = dtype
            self._sinks = attention_probe.SINKS[device]
            self._model = self._load(checkpoint, gpu, device, gpu_memory)
            self._scheduler = CallScheduler(self._model, TEXTS[device])
            self.verify_attention()

    @property
    def version(self) -> str:
        return engine_version("vllm")

    @property
    def dimension(self) -> int:
        return int(self._model.model_config.get_hidden_size())

    def details(self) -> dict[str, str]:
        """See :class:`~evalsuite.engines.protocols.Detailed`."""
        found: dict[str, str] = self._model.details()
        return found

    def close(self) -> None:
        if self._model is not None:
            self._model.close()
        self._model = None

    @property
    def _architecture(self) -> str:
        return str(self._model.model_config.architecture)

    def _load(
        self, checkpoint: Checkpoint, gpu: Gpu | None, device: DeviceName, gpu_memory: float | None
    ) -> VllmEngine:
        settings = _overrides(checkpoint, self._protocol)
        _check_plugin(settings["architectures"][0])
        own = self._tokens.max_length
        longest = own if own < NO_LIMIT else None
        return VllmEngine(
            checkpoint,
            gpu,
            dtype=self._dtype,
            gpu_memory=gpu_memory,
            # Compiling and capturing save launches of kernels, a small part of a pass over whole
            # texts: less than the time that they take at each start.
            eager=True,
            runner="pooling",
            convert="embed",
            hf_overrides=settings,
            max_model_len=longest,
            # Each text in one piece: the pooler has to see all of it.
            enable_chunked_prefill=False,
            max_num_batched_tokens=max(TOKENS[device], longest or 0),
            max_num_seqs=TEXTS[device],
        )

    def _observed_attention(self) -> attention_probe.Observed:
        """See :class:`TokenEncoder`.

        A window longer than the probes does not show in what the model does; for bidirectional
        attention, which has none, the layers are asked whether they were built with one.
        """
        import torch

        vocabulary = int(self._model.model_config.get_vocab_size())
        positions = range(attention_probe.TOKENS - 1)
        one, other = (
            torch.from_numpy(self._pooled([probe] * len(positions), "cls", positions))
            for probe in attention_probe.probes(vocabulary)
        )
        observed = attention_probe.observe(one, other, self._dtype, sinks=self._sinks)
        windows = sum(layer.window is not None for layer in self._model.attention())
        if observed.attention == "bidirectional" and windows:
            return attention_probe.Observed(None, f"{windows} layers were built with a window")
        return observed

    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors:
        import torch

        texts: TokenisedTexts = prepared.model_input
        chosen = [texts.rows[index] for index in batch]
        pooling = self._protocol.pooling
        assert pooling != "model"
        # At least the last token stays, so that no sum is empty.
        vectors = self._pooled(
            chosen, pooling, [min(texts.leave_out, len(row) - 1) for row in chosen]
        )
        if self._protocol.normalize:
            vectors = torch.nn.functional.normalize(torch.from_numpy(vectors), dim=1).numpy()
        return vectors

    def _pooled(
        self, rows: Sequence[Sequence[int]], pooling: Pooling, leave_out: Sequence[int]
    ) -> Vectors:
        """Pooled hidden states ``(n, d)`` of rows of token ids, each without its first tokens."""
        from evalsuite.engines.vllm.pooler import pooling_params

        vectors = np.empty((len(rows), self.dimension), dtype=np.float32)

        def build(index: int) -> Pass:
            return Pass(tuple(rows[index]), pooling_params(pooling, leave_out[index]))

        def on_answer(index: int, output: Any) -> None:
            vectors[index] = output.outputs.data.numpy()

        call: OngoingCall[Vectors] = OngoingCall(len(rows), build, on_answer, lambda: [vectors])
        self._scheduler.open(call)
        return self._scheduler.finish(call)[0]


def _overrides(checkpoint: Checkpoint, protocol: EmbeddingProtocol) -> dict[str, Any]:
    """What vLLM is to take for the checkpoint's config: our class, and the attention."""
    from transformers import AutoConfig

    with loading(checkpoint, "config"):
        config = AutoConfig.from_pretrained(
            checkpoint.path, trust_remote_code=checkpoint.trust_remote_code
        )
    (architecture, *_) = config.architectures
    changes: dict[str, Any] = {"architectures": [ARCHITECTURES[architecture]]}
    if protocol.attention == "bidirectional":
        # GRIT was run without a sliding window in this case.
        changes |= {"is_causal": False, "sliding_window": None}
        if kinds := getattr(config, "layer_types", None):
            changes["layer_types"] = ["full_attention"] * len(kinds)
    return changes


def _check_plugin(model_class: str) -> None:
    """See that vLLM has loaded our plugin.

    Raises:
        EngineError: If it has not.
    """
    from vllm import ModelRegistry
    from vllm.plugins import load_general_plugins

    # Imported here, so that vLLM need not start a process to inspect them.
    import evalsuite.engines.vllm.models  # noqa: F401

    load_general_plugins()
    if model_class not in ModelRegistry.get_supported_archs():
        raise EngineError(
            "vLLM has not loaded the plugin evalsuite",
            "install evalsuite again, and let VLLM_PLUGINS, if set, name evalsuite",
        )
