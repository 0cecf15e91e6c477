"""What a person may choose when something is evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from evalsuite.checkpoint.models import Checkpoint, CheckpointOptions
from evalsuite.engines.choice import EngineChoice
from evalsuite.engines.protocols import Device, DType
from evalsuite.errors import UsageError
from evalsuite.judging.judge import Judge
from evalsuite.options import DATA_ROOT, RESULTS, TASKS_DIRS, Option
from evalsuite.schema import Frozen


def _retriever(source: Any) -> Any:
    """The checkpoint that a text names; a checkpoint is left as it is."""
    if not isinstance(source, str):
        return source
    from evalsuite.checkpoint import resolve

    found = resolve(source)
    if found.embedding is None:
        raise UsageError(f"--retriever {source} cannot embed", "name a checkpoint that can")
    return found


class RunOptions(Frozen):
    """What a person chose for a run, besides checkpoints and tasks."""

    data_root: Annotated[
        Path | None, AfterValidator(lambda path: path and path.resolve()), DATA_ROOT
    ] = None
    """Folder in Hugging Face dataset-repo layout; with it, a run touches no network."""
    limit: Annotated[int | None, Field(ge=1), Option("Test items of each task.")] = None
    seed: Annotated[
        int, Field(ge=0, le=2**32 - 1), Option("Of all that is drawn at random while running.")
    ] = 42
    embed_length: Annotated[
        int | None, Field(ge=8), Option("Kind rag: tokens after which a text to embed is cut.")
    ] = None
    """``None``: all positions."""
    retriever: Annotated[
        Checkpoint | None,
        BeforeValidator(_retriever),
        Option("Kind rag: checkpoint that finds the documents, if another.", typed=str),
    ] = None
    """``None``: the checkpoint that answers."""
    shots: Annotated[
        int, Field(ge=0, le=1), Option("Examples in the instruction of embedding tasks.")
    ] = 0
    fresh: Annotated[
        bool, Option("Evaluate again what is already stored.", flags=("--fresh/--resume",))
    ] = False
    engine: Annotated[
        EngineChoice,
        Option("Engine; auto: vllm to generate, and to embed on a GPU where it can."),
    ] = "auto"
    """Engine for what vLLM and transformers can both do; see :mod:`evalsuite.engines.choice`."""
    prefix_caching: Annotated[
        bool, Option("vLLM reuses common beginnings; may change answers.")
    ] = False
    """Whether vLLM computes what prompts begin with in common only once. Off unless a person asks
    for it: a hit is computed in other pieces, which rounds differently and can change answers."""
    judge: Judge | None = None
    """The model that compares the answers of judged tasks."""
    device: Annotated[Device, Option("Device.")] = "auto"
    dtype: Annotated[
        DType,
        Option("auto: bfloat16; float32 to embed on a CPU without bfloat16 instructions."),
    ] = "auto"


class Request(Frozen):
    """What ``evalsuite run``, ``evalsuite check`` and :func:`evalsuite.evaluate` all take."""

    tasks_dirs: Annotated[tuple[Path, ...], TASKS_DIRS] = ()
    quick: Annotated[bool, Option("Run tasks as their files say under 'quick'.")] = False
    results: Annotated[Path, RESULTS] = Path("results")
    options: RunOptions = RunOptions()
    checkpoint_options: CheckpointOptions = CheckpointOptions()
