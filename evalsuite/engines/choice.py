"""Which engine embeds and which generates, by what a person asked for; cheap to ask."""

from __future__ import annotations

from typing import Literal

from evalsuite.checkpoint.folder import read_object
from evalsuite.checkpoint.models import Checkpoint, GeneratorEngine
from evalsuite.engines.device import DeviceName, vllm_is_for_gpus
from evalsuite.engines.vllm.plugin import ARCHITECTURES
from evalsuite.errors import UsageError

EngineChoice = Literal["auto", "vllm", "transformers"]


def generator_engine(choice: EngineChoice) -> GeneratorEngine:
    """The engine that generates: vLLM, unless a person asked for transformers."""
    return "transformers" if choice == "transformers" else "vllm"


def with_encoder_engine(
    checkpoint: Checkpoint, choice: EngineChoice, device: DeviceName
) -> Checkpoint:
    """A checkpoint whose embedding protocol names the engine that is to embed.

    ``auto`` is vLLM on a GPU, for checkpoints that it can embed with. On a CPU neither was clearly
    faster where it was measured, and the scores that are stored come from transformers.

    Raises:
        UsageError: For ``vllm``, where it cannot embed with the checkpoint.
    """
    protocol = checkpoint.embedding
    if protocol is None or choice == "transformers":
        return checkpoint
    reason = why_not_vllm(checkpoint)
    if choice == "vllm" and reason:
        raise UsageError(
            f"--engine vllm cannot embed with {checkpoint.name}: {reason}",
            "leave --engine out, or pass --engine transformers",
        )
    if choice == "auto" and (reason or device == "cpu" or not vllm_is_for_gpus()):
        return checkpoint
    chosen = protocol.model_copy(update={"engine": "vllm"})
    return checkpoint.model_copy(update={"embedding": chosen})


def why_not_vllm(checkpoint: Checkpoint) -> str | None:
    """Why vLLM cannot embed with a checkpoint; ``None`` if it can."""
    protocol = checkpoint.embedding
    if protocol is None:
        return checkpoint.cannot.get("embedding", "it has no embedding protocol")
    if protocol.engine == "sentence-transformers":
        return "a sentence-transformers model brings its own pooling"
    if protocol.attention is None:
        return "it is an encoder, and vLLM embeds with causal language models here"
    config = read_object(checkpoint.path / "config.json")
    stated = config.get("architectures")
    architecture = stated[0] if isinstance(stated, list) and stated else "its architecture"
    if architecture not in ARCHITECTURES:
        known = ", ".join(name for name in ARCHITECTURES if name.endswith("ForCausalLM"))
        return f"{architecture} is none of {known}"
    if checkpoint.trust_remote_code and "auto_map" in config:
        return "it brings modelling code of its own, which vLLM would not run"
    if protocol.attention == "causal" and config.get("use_sliding_window"):
        return "some of its layers see through a window, which vLLM gives to all or none"
    return None
