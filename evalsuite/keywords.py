"""Options of the calls from Python, for editors and type checkers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from evalsuite.checkpoint.models import Checkpoint, CheckpointKind
from evalsuite.engines.choice import EngineChoice
from evalsuite.engines.protocols import Device, DType
from evalsuite.judging.judge import Judge
from evalsuite.schema import Attention, Pooling


class Options(TypedDict, total=False):
    """Options of :func:`evaluate`: those of ``evalsuite run``, by the same names.

    ``results`` is ``--out``, ``tasks_dirs`` is ``--tasks-dir``, and ``kind`` is ``--as``.
    """

    suite: str
    """Suite to run; without it and ``tasks``, what ``tasks_dirs`` hold, else ``smoke``."""
    tasks: str | Sequence[str]
    """Names of tasks, or patterns such as ``smoke-*``, instead of a suite."""
    tasks_dirs: str | Path | Sequence[str | Path]
    """Folder, or folders, with further task files."""
    quick: bool
    """Run tasks as their files say under ``quick``."""
    results: str | Path
    """Folder of the store; ``results`` unless given."""
    data: str | Path | None
    """Folder of data sets in Hugging Face layout; no network is used then."""
    log: str | Sequence[str]
    """Trackers that get the scores: ``wandb``, ``mlflow``, ``trackio``, or ``"wandb:project"``."""
    limit: int | None
    limit_first: bool
    """Test items of each task."""
    seed: int
    """Of all that is drawn at random while running; 42 unless given."""
    embed_length: int | None
    """Kind ``rag``: tokens after which a text to embed is cut."""
    retriever: str | Checkpoint | None
    """Kind ``rag``: checkpoint that finds the documents, if it is another one."""
    shots: int
    """Examples in the instruction of embedding tasks: 0 or 1."""
    dims: int | str | Sequence[int | Literal["full"]]
    """First dimensions that embeddings are cut to, each scored: 128, or ``["full", 128]``."""
    vectors: str | Sequence[Literal["float", "int8", "binary"]]
    """What embeddings are rounded to, each scored."""
    fresh: bool
    """Evaluate again what is stored."""
    engine: EngineChoice
    """``auto``: vLLM to generate, and to embed on a GPU where it can."""
    prefix_caching: bool
    """Compute what prompts begin with in common once; the same answers but for rounding."""
    judge: str | Judge | None
    """Who compares the answers of AlpacaEval: a model at ``judge_url``, a checkpoint, or an
    :class:`evalsuite.Judge`, which holds all three."""
    judge_url: str | None
    """OpenAI-compatible endpoint of the judge."""
    judge_order: Literal["random", "both"] | None
    """Order in which the judge sees two answers; ``random`` unless given."""
    device: Device
    """Where to run."""
    dtype: DType
    """Precision."""
    gpu_memory: float | None
    """Share of the GPU's memory for vLLM; else what is free, 0.92 at most."""
    tensor_parallel: int
    """GPUs that vLLM splits the model over."""
    deterministic: bool
    """On a GPU: whether vLLM computes a text the same whatever runs beside it."""
    kind: CheckpointKind | None
    """What the checkpoint is, where detection errs."""
    base: str | None
    """Base of an adapter, if not its own."""
    protocol: Literal["grit", "raw-llm", "sentence-transformers"] | None
    """Preset for the options below."""
    instructions: str | None
    """Instruction set, ``task``, ``none`` or a YAML file."""
    wrapper: str | None
    """Name of a wrapper, or a template with ``{instruction}``."""
    bare_wrapper: str | None
    """What the wrapper puts before texts without an instruction."""
    attention: Attention | None
    """Attention when embedding."""
    pooling: Pooling | None
    """Pooling of token vectors."""
    pool_instruction: bool | None
    """Let wrapper and instruction enter the mean."""
    normalize: bool | None
    """L2-normalise embeddings."""
    max_length: int | None
    """Tokens after which a text to embed is cut."""
    chat_template: str | None
    """Jinja file, or ``none`` for base-model prompts."""
    allow_pickle: bool
    """Load pickle weights: they can run code."""
    trust_remote_code: bool
    """Run code that the checkpoint brings."""
