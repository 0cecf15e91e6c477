"""Load an engine for a checkpoint: the only module that imports the engines themselves.

Each is imported when it is loaded: importing this module loads no model library.

This is also the only place that accepts ``auto`` for a device or a precision. The engines get the
device and the precision that it was resolved to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from evalsuite.checkpoint.models import GeneratorEngine
from evalsuite.engines.choice import context_length, why_not_shared
from evalsuite.engines.cuda.gpu import Gpu, check_room
from evalsuite.engines.cuda.settings import settle_torch, weight_bytes
from evalsuite.engines.cuda.survey import gpu_here
from evalsuite.engines.device import DeviceName, DTypeName, resolve_dtype
from evalsuite.engines.load_errors import loading
from evalsuite.engines.protocols import Device, DType, Encoder, Generator
from evalsuite.errors import CheckpointError, EngineError, UsageError
from evalsuite.schema import World

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
    from evalsuite.engines.transformers.unified_model import UnifiedModel


def load_encoder(
    checkpoint: Checkpoint,
    *,
    device: Device = "auto",
    dtype: DType = "auto",
    weights: bool = True,
    gpu_memory: float | None = None,
    tensor_parallel: int = 1,
) -> Encoder:
    """Load the encoder that the checkpoint's embedding protocol names.

    vLLM runs inside the calling process and changes its environment: with it, call this in a
    process that exits when the encoder is no longer needed.

    Args:
        checkpoint: The checkpoint.
        device: Where to run.
        dtype: Precision; for ``auto`` see :func:`~evalsuite.engines.device.resolve_dtype`.
        weights: Whether to load the model. Without it only the tokenizer is loaded and only
            ``render`` works: enough for a dry run.
        gpu_memory: Share of the GPU's memory for vLLM; ``None`` for what is free.
        tensor_parallel: GPUs that vLLM splits the model over.

    Raises:
        CheckpointError: If the checkpoint cannot embed, or cannot be loaded.
        EngineError: If the engine cannot run here, or the model does not show the attention that
            the protocol asks for.
        UsageError: If the device is not there, or the maximal length beyond the model's.
    """
    protocol = checkpoint.embedding
    if protocol is None:
        reason = checkpoint.cannot.get("embedding", "it has no embedding protocol")
        raise CheckpointError(
            f"{checkpoint.name} cannot embed: {reason}", "choose a protocol with --protocol"
        )
    positions = checkpoint.max_positions
    if protocol.max_length and positions and protocol.max_length > positions:
        raise UsageError(
            f"maximal length {protocol.max_length} is beyond the {positions} positions of "
            f"{checkpoint.name}",
            f"pass --max-length {positions} or less",
        )
    gpu = _gpu_for(protocol.engine, device, tensor_parallel) if weights else None
    where, precision = _settle(gpu, dtype, "embedding", checkpoint)
    if protocol.engine == "sentence-transformers":
        load = _late_interaction if protocol.late_interaction else _sentence_transformers
        return load(checkpoint, protocol, where, precision, weights)
    if protocol.engine == "vllm":
        from evalsuite.engines.vllm.encoder import VllmEncoder

        return VllmEncoder(
            checkpoint, protocol, gpu=gpu, dtype=precision, weights=weights, gpu_memory=gpu_memory
        )
    from evalsuite.engines.transformers.encoder import TransformersEncoder

    return TransformersEncoder(checkpoint, protocol, device=where, dtype=precision, weights=weights)


def _sentence_transformers(
    checkpoint: Checkpoint,
    protocol: EmbeddingProtocol,
    device: DeviceName,
    dtype: DTypeName,
    weights: bool,
) -> Encoder:
    from evalsuite.engines.transformers.sentence_transformers import SentenceTransformersEncoder

    return SentenceTransformersEncoder(
        checkpoint, protocol, device=device, dtype=dtype, weights=weights
    )


def _late_interaction(
    checkpoint: Checkpoint,
    protocol: EmbeddingProtocol,
    device: DeviceName,
    dtype: DTypeName,
    weights: bool,
) -> Encoder:
    """A TokenEncoder in truth: who scores with it looks at the protocol."""
    from evalsuite.engines.transformers.late_interaction import LateInteractionEncoder

    found = LateInteractionEncoder(
        checkpoint, protocol, device=device, dtype=dtype, weights=weights
    )
    return cast(Encoder, found)


def load_generator(
    checkpoint: Checkpoint,
    *,
    engine: GeneratorEngine,
    device: Device = "auto",
    dtype: DType = "auto",
    max_length: int | None = None,
    prefix_caching: bool = False,
    gpu_memory: float | None = None,
    tensor_parallel: int = 1,
    eager: bool = False,
) -> Generator:
    """Load a checkpoint for generation; vLLM wants a process of its own (:func:`load_encoder`).

    Args:
        checkpoint: A checkpoint that can generate.
        engine: ``vllm``, or ``transformers`` for machines without vLLM.
        device: Where to run.
        dtype: Precision; for ``auto`` see :func:`~evalsuite.engines.device.resolve_dtype`.
        max_length: Context length in tokens; at most the model's own.
        prefix_caching: Whether what prompts begin with in common is computed once, where it can be
            (:func:`~evalsuite.engines.choice.why_not_shared`).
        gpu_memory: Share of the GPU's memory for vLLM; ``None`` for what is free.
        tensor_parallel: GPUs that vLLM splits the model over.
        eager: Whether vLLM compiles nothing first: soon ready, and slower.

    Raises:
        CheckpointError: If the checkpoint cannot be loaded.
        EngineError: If the checkpoint cannot generate, or the engine cannot run here.
        UsageError: If the device is not there.
    """
    if reason := checkpoint.cannot.get("generative"):
        raise EngineError(f"{checkpoint.name} cannot generate: {reason}")
    length = context_length(checkpoint.max_positions, max_length)
    with loading(checkpoint, "model"):
        gpu = _gpu_for(engine, device, tensor_parallel)
        where, precision = _settle(gpu, dtype, "generative", checkpoint)
        if engine == "vllm":
            from evalsuite.engines.vllm.generator import VllmGenerator

            return VllmGenerator(
                checkpoint,
                gpu=gpu,
                dtype=precision,
                max_length=length,
                prefix_caching=prefix_caching,
                gpu_memory=gpu_memory,
                eager=eager,
            )
        from evalsuite.engines.transformers.generator import TransformersGenerator

        return TransformersGenerator(
            checkpoint,
            device=where,
            dtype=precision,
            max_length=length,
            prefix_caching=prefix_caching and not why_not_shared(checkpoint, engine),
        )


def load_unified(
    checkpoint: Checkpoint,
    *,
    device: Device = "auto",
    dtype: DType = "auto",
    embed_length: int | None = None,
) -> UnifiedModel:
    """Load one model that embeds, and generates from the key-value caches of that.

    Args:
        checkpoint: With an embedding protocol on the weights alone (not sentence-transformers).
        device: Where to run.
        dtype: Precision of weights, activations and caches; ``auto`` as in generation.
        embed_length: Tokens after which a text to embed is cut; ``None`` for all positions.

    Raises:
        CheckpointError: If the checkpoint cannot embed and generate, or cannot be loaded.
        EngineError: If the model does not show the attention that the protocol asks for.
        UsageError: If the device is not there, or ``embed_length`` beyond the model's positions.
    """
    from evalsuite.engines.transformers.unified_model import UnifiedModel

    where, precision = _settle(gpu_here(device), dtype, "generative", checkpoint)
    return UnifiedModel(checkpoint, device=where, dtype=precision, embed_length=embed_length)


def wave_of(engine: GeneratorEngine, device: DeviceName) -> int:
    """Number of requests in one call that keeps an engine busy; loads no model."""
    if engine == "vllm":
        from evalsuite.engines.vllm.generator import WAVE

        return WAVE
    from evalsuite.engines.transformers import generator

    return generator.WAVE[device]


def _gpu_for(engine: str, device: Device, tensor_parallel: int) -> Gpu | None:
    """The GPU to run on; vLLM is imported where it is the engine."""
    if engine != "vllm":
        return gpu_here(device)
    from evalsuite.engines.vllm.environment import prepare

    return prepare(device, tensor_parallel)


def _settle(
    gpu: Gpu | None, dtype: DType, world: World, checkpoint: Checkpoint
) -> tuple[DeviceName, DTypeName]:
    """Choose the precision, and on a GPU ready torch and see that the weights fit.

    Returns:
        Device and precision for the engine.

    Raises:
        EngineError: If the weights do not fit.
        UsageError: If the GPU or the environment does not allow the precision.
    """
    if gpu is None:
        return "cpu", resolve_dtype(dtype, "cpu", world)
    precision = resolve_dtype(dtype, "cuda", world, gpu)
    settle_torch(precision)
    check_room(gpu, gpu.free, weight_bytes(checkpoint.path, precision), checkpoint.name)
    return "cuda", precision
