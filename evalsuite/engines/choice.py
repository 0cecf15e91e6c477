"""What is decided before an engine is loaded: which one, with which context length.

Planning asks these questions for every task, so they import no model library.
"""

from __future__ import annotations

from typing import Literal

from evalsuite.checkpoint.folder import read_object
from evalsuite.checkpoint.models import Checkpoint, GeneratorEngine
from evalsuite.engines.device import DeviceName, vllm_is_for_gpus
from evalsuite.engines.transformers import sharing
from evalsuite.engines.vllm.plugin import ARCHITECTURES
from evalsuite.errors import EngineError, UsageError

EngineChoice = Literal["auto", "vllm", "transformers"]

DEFAULT_CONTEXT = 8192
"""Context length unless a person asks for another: enough for the GRIT paper's tasks, whose
longest answers have 6,144 tokens, and small enough for a modest key-value cache."""

FALLBACK_POSITIONS = 2048
"""Taken where a config does not say how many positions the model has."""


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
        return f"{architecture} is not one of {known}"
    if checkpoint.trust_remote_code and "auto_map" in config:
        return "it brings modelling code of its own, which vLLM would not run"
    if protocol.attention == "causal" and config.get("use_sliding_window"):
        return "some of its layers see through a window, which vLLM gives to all or none"
    return None


def why_not_unified(checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint cannot embed and generate with one model; ``None`` if it can."""
    for world in ("generative", "embedding"):
        if reason := checkpoint.cannot.get(world):
            return reason
    protocol = checkpoint.embedding
    if protocol is None or protocol.engine == "sentence-transformers" or protocol.attention is None:
        return "caching needs a decoder's weights alone (--as grit or causal)"
    return None


def why_not_shared(checkpoint: Checkpoint, engine: GeneratorEngine) -> str | None:
    """Why an engine computes each prompt by itself, whatever it begins with; ``None`` if not so.

    vLLM either shares what a model's prompts begin with or refuses the model.
    """
    if engine == "vllm":
        return None
    config = read_object(checkpoint.path / "config.json")
    return sharing.why_not_shared(config, own_code=checkpoint.trust_remote_code)


def context_length(positions: int | None, wanted: int | None) -> int:
    """Context length to run with.

    Args:
        positions: What the model was built for; ``None`` if unknown.
        wanted: What a person asked for.

    Raises:
        EngineError: If more is wanted than the model has.
    """
    available = positions or FALLBACK_POSITIONS
    if wanted is None:
        return min(available, DEFAULT_CONTEXT)
    if positions is not None and wanted > positions:
        raise EngineError(
            f"a context of {wanted} tokens is longer than the model's {positions}",
            "lower --max-length",
        )
    return wanted
