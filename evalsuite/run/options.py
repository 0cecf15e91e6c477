"""What a person chose for a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.choice import EngineChoice
from evalsuite.engines.protocols import Device, DType
from evalsuite.judging.judge import Judge
from evalsuite.schema import Frozen


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
