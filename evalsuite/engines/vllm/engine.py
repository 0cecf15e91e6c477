"""vLLM inside the current process: what generating and embedding with it share.

vLLM keeps threads, shared memory and environment variables to itself, and its teardown inside a
living process is not reliable: use it only in a process of its own that exits afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from evalsuite.engines.call_scheduler import Pass
from evalsuite.engines.cuda.gpu import Gpu, check_room, vllm_share
from evalsuite.engines.cuda.lost import raise_if_lost
from evalsuite.engines.cuda.settings import weight_bytes
from evalsuite.engines.device import DTypeName, engine_version
from evalsuite.engines.generation import not_finite
from evalsuite.engines.memory import is_out_of_memory
from evalsuite.errors import EngineError, first_line

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

_LEAST_CACHE: Final = 2 * 2**30
"""Bytes for keys and values on a CPU where no more are asked for."""

_MEMORY: Final = ("free memory on device", "memory for the cache blocks", "kv cache is needed")
"""Signs of too little memory in what vLLM says when it loads, besides those of torch."""

_DRIVER: Final = ("driver", "no cuda", "cuda error", "nvml", "libcuda", "compute capability")
"""Signs that driver, GPU and the installed vLLM do not go together."""

# Besides what is meant to be raised, vLLM refuses settings that it cannot serve by assertions.
_KNOWN: Final = (
    ValueError,
    RuntimeError,
    OSError,
    AssertionError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    MemoryError,
)


class AttentionLayer(NamedTuple):
    """What was chosen for a layer."""

    backend: str
    """vLLM's name for the kernels."""
    window: int | None
    """Tokens that each token sees at most."""


class VllmEngine:
    """A checkpoint in vLLM, step by step, as :mod:`evalsuite.engines.call_scheduler` needs it.

    ``LLM.generate`` and ``LLM.encode`` give nothing back before the last prompt has ended.

    Args:
        checkpoint: The checkpoint.
        gpu: What :func:`~evalsuite.engines.vllm.environment.prepare` returned.
        dtype: Precision of weights and activations.
        prefix_caching: Whether to keep what was computed for the beginnings of prompts. Hits can
            change greedy output (vllm#5543, #40896), and vectors.
        max_model_len: Context length in tokens; ``None`` for the model's own.
        cpu_cache: On a CPU, the share of the free memory that holds keys and values (at least
            2 GiB; ``VLLM_CPU_KVCACHE_SPACE`` says otherwise). Where not all requests fit, fewer
            run side by side, and some are begun anew; vLLM takes a second a GiB to start.
        gpu_memory: Share of the GPU's memory to take; ``None`` for what is free.
        eager: Whether to compile nothing and capture no CUDA graphs, as always on a CPU.
        settings: Further arguments of ``vllm.LLM``.

    Raises:
        EngineError: If vLLM fails to load the model, or decides otherwise on what was asked for.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        gpu: Gpu | None,
        *,
        dtype: DTypeName,
        prefix_caching: bool = False,
        max_model_len: int | None,
        cpu_cache: float = 0,
        gpu_memory: float | None = None,
        eager: bool = False,
        **settings: Any,
    ) -> None:
        import vllm

        self.version = engine_version("vllm")
        memory = _memory(checkpoint, gpu, dtype, cpu_cache, gpu_memory)
        try:
            self._llm: Any = vllm.LLM(
                str(checkpoint.path),
                tokenizer=str(checkpoint.tokenizer_path),
                dtype=dtype,
                enforce_eager=eager or gpu is None,
                enable_prefix_caching=prefix_caching,
                max_model_len=max_model_len,
                seed=0,
                disable_log_stats=True,
                trust_remote_code=checkpoint.trust_remote_code,
                **memory,
                **settings,
            )
        except _KNOWN as error:
            raise_if_lost(error)
            raise EngineError(
                f"vLLM cannot load {checkpoint.name}: {_reason(error)}", _hint(error)
            ) from error

        # The signature says what was asked for.
        config = self._llm.llm_engine.vllm_config
        if bool(config.cache_config.enable_prefix_caching) != prefix_caching:
            which = "with" if prefix_caching else "without"
            raise EngineError(f"vLLM cannot run {checkpoint.name} {which} prefix caching")
        found = config.model_config.max_model_len
        if max_model_len is not None and found != max_model_len:
            raise EngineError(
                f"vLLM gives {checkpoint.name} a context of {found} tokens, not {max_model_len}"
            )

    @property
    def model_config(self) -> Any:
        """What vLLM made of the checkpoint's config."""
        return self._llm.llm_engine.model_config

    @property
    def block(self) -> int:
        """Tokens in a block of keys and values: what prompts read is whole blocks."""
        return int(self._llm.llm_engine.vllm_config.cache_config.block_size)

    def attention(self) -> list[AttentionLayer]:
        """The attention layers, as the process that runs the model has built them."""
        layers: list[AttentionLayer] = self._llm.llm_engine.collective_rpc(_attention_layers)[0]
        return layers

    def add(self, name: str, one: Pass) -> None:
        """Take a request: token ids, and sampling or pooling parameters.

        Raises:
            EngineError: If vLLM refuses it.
        """
        prompt: dict[str, Any] = {"prompt_token_ids": list(one.prompt)}
        if one.group is not None:
            prompt["cache_salt"] = one.group
        try:
            self._llm.llm_engine.add_request(name, prompt, one.settings)
        except (ValueError, RuntimeError) as error:
            raise _failure(error) from error

    def step(self) -> list[tuple[str, Any]]:
        """Work at what there is; name and output of the requests that have ended.

        Raises:
            EngineError: If vLLM fails.
        """
        try:
            outputs = self._llm.llm_engine.step()
        except (ValueError, RuntimeError) as error:
            raise _failure(error) from error
        return [(output.request_id, output) for output in outputs if output.finished]

    def abort(self, names: Sequence[str]) -> None:
        """Forget requests that have not ended."""
        self._llm.llm_engine.abort_request(list(names))

    def settle(self) -> None:
        """End the batches that still run for requests that were forgotten.

        On a GPU vLLM begins a batch before it reads the one before. After an error, or an abort,
        another one with the same requests is under way, and would raise in a later step.
        """
        core = getattr(self._llm.llm_engine.engine_core, "engine_core", None)
        while getattr(core, "batch_queue", None):
            try:
                self._llm.llm_engine.step()
            except Exception as error:  # noqa: BLE001 - its requests are forgotten
                raise_if_lost(error)

    def details(self) -> dict[str, str]:
        """See :class:`~evalsuite.engines.protocols.Detailed`."""
        config = self._llm.llm_engine.vllm_config
        split = config.parallel_config.tensor_parallel_size
        return {
            "vllm_model_runner": "V2" if config.use_v2_model_runner else "V1",
            "vllm_attention": ", ".join(sorted({layer.backend for layer in self.attention()})),
        } | ({"vllm_tensor_parallel": str(split)} if split > 1 else {})

    def close(self) -> None:
        """Free the model."""
        del self._llm


def _memory(
    checkpoint: Checkpoint,
    gpu: Gpu | None,
    dtype: DTypeName,
    cpu_cache: float,
    gpu_memory: float | None,
) -> dict[str, Any]:
    """Arguments of ``vllm.LLM`` about memory.

    Raises:
        EngineError: If the weights do not fit into what the engine may take of a GPU.
    """
    if gpu is None:
        return {"kv_cache_memory_bytes": cache_bytes(cpu_cache)}
    share = vllm_share(gpu, gpu_memory)
    weights = weight_bytes(checkpoint.path, dtype)
    check_room(gpu, int(share * gpu.total), weights, checkpoint.name)
    return {"gpu_memory_utilization": share, "tensor_parallel_size": gpu.count}


def _attention_layers(worker: Any) -> list[AttentionLayer]:
    """What a vLLM worker knows of its layers; runs in the process of the worker."""
    layers = worker.vllm_config.compilation_config.static_forward_context.values()
    return [
        AttentionLayer(layer.get_attn_backend().get_name(), getattr(layer, "sliding_window", None))
        for layer in layers
        if hasattr(layer, "get_attn_backend")
    ]


def cache_bytes(share: float) -> int:
    """Bytes for keys and values on a CPU: a share of the memory that is free, at least 2 GiB."""
    from vllm.utils.cpu_resource_utils import get_memory_node_info

    return max(int(share * get_memory_node_info().available_memory), _LEAST_CACHE)


def _hint(error: Exception) -> str:
    """What to do about an error that vLLM raised when it loaded."""
    message = str(error).lower()
    if _lacks_memory(error):
        return "free memory on the device, lower --max-length, or try --engine transformers"
    if "bfloat16" in message or "dtype" in message:
        return "try --dtype float16 or float32, or --engine transformers"
    if "tensor parallel" in message:
        return "pass a --tensor-parallel that divides the attention heads, or leave it out"
    if any(sign in message for sign in _DRIVER):
        return "evalsuite doctor says what is wrong with driver and GPU"
    return "try --engine transformers, or --max-length with fewer tokens"


def _failure(error: Exception) -> EngineError:
    """What vLLM raises while it runs, as an error that a person can act on."""
    raise_if_lost(error)
    if "NaNs detected in logits" in str(error):
        return not_finite()
    if _lacks_memory(error):
        return EngineError(
            f"vLLM ran out of memory: {_reason(error)}",
            "free memory on the device, lower --max-length, or try --engine transformers",
        )
    return EngineError(f"vLLM failed: {error}", "try --engine transformers")


def _lacks_memory(error: Exception) -> bool:
    message = str(error).lower()
    return is_out_of_memory(error) or any(sign in message for sign in _MEMORY)


def _reason(error: Exception) -> str:
    """The first line of an error; of pydantic's, the line after the number of errors."""
    head, _, rest = str(error).strip().partition("\n")
    return rest.split("\n")[0].strip() if "validation error" in head and rest else first_line(error)
