"""What a person chose for a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evalsuite.checkpoint.models import Checkpoint, GeneratorEngine
from evalsuite.engines.choice import EngineChoice, generator_engine
from evalsuite.engines.device import DeviceName, resolve_device, resolve_dtype
from evalsuite.engines.protocols import Device, DType
from evalsuite.errors import UsageError
from evalsuite.judging.judge import Judge, find_checkpoint
from evalsuite.schema import Frozen

Precision = Literal["float32", "bfloat16", "float16"]


class RunOptions(Frozen):
    """What a person chose for a run, besides checkpoints and tasks."""

    limit: int | None = None
    device: Device = "auto"
    dtype: DType = "auto"
    engine: EngineChoice = "auto"
    """Engine for what vLLM and transformers can both do; see :mod:`evalsuite.engines.choice`."""
    prefix_caching: bool = False
    """Whether vLLM computes what prompts begin with in common only once. Off unless a person asks
    for it: a hit is computed in other pieces, which rounds differently and can change answers."""
    shots: Literal[0, 1] = 0
    """Examples in the instruction of embedding tasks."""
    data_root: Path | None = None
    """Folder in Hugging Face dataset-repo layout; with it, a run touches no network."""
    fresh: bool = False
    """Evaluate again what the store already holds."""
    seed: int = 42
    judge: Judge | None = None
    """Who compares the answers of judged tasks."""
    embed_length: int | None = None
    """Tokens after which kind ``rag`` cuts a text to embed; ``None``: all positions."""
    retriever: Checkpoint | None = None
    """Who finds the documents of kind ``rag``; ``None``: the checkpoint that answers."""


class Resolved(RunOptions):
    """The options of a run on this machine, with nothing left to choose.

    Made once while planning (:func:`resolve`) and handed down to whatever runs.
    """

    device: DeviceName = "cpu"
    embedding_dtype: Precision = "float32"
    """Precision of weights and activations where texts are embedded."""
    generative_dtype: Precision = "bfloat16"
    """The same where texts are generated."""
    generator: GeneratorEngine = "vllm"
    """The engine that generates."""
    judge_checkpoint: Checkpoint | None = None
    """The judge's checkpoint; ``None`` for an endpoint."""


def resolve(options: RunOptions, *, judged: bool = False) -> Resolved:
    """Choose what was left to evalsuite: device, precision, engine, the judge's checkpoint.

    Args:
        options: As a person gave them.
        judged: Whether a task needs the judge.

    Raises:
        UsageError: For a device that this machine lacks, a combination that does not exist, or a
            judge that cannot judge.
        CheckpointError: If the judge's checkpoint is not there.
    """
    if isinstance(options, Resolved):
        return options
    generator = generator_engine(options.engine)
    if options.prefix_caching and generator != "vllm":
        raise UsageError(
            f"--engine {options.engine} has no prefix caching", "leave out --prefix-caching"
        )
    judge = find_checkpoint(options.judge) if judged and options.judge else None
    device = resolve_device(options.device)
    return Resolved(
        **dict(options) | {"device": device},
        embedding_dtype=resolve_dtype(options.dtype, device, "embedding"),
        generative_dtype=resolve_dtype(options.dtype, device, "generative"),
        generator=generator,
        judge_checkpoint=judge,
    )
