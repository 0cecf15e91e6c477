"""What a person may choose when something is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from evalsuite.checkpoint.models import Checkpoint, CheckpointOptions, GeneratorEngine
from evalsuite.engines.choice import EngineChoice, generator_engine, why_not_shared
from evalsuite.engines.cuda.gpu import Gpu, check_batch_invariant
from evalsuite.engines.cuda.survey import find_gpu, why_passed_over
from evalsuite.engines.device import DeviceName, resolve_dtype
from evalsuite.engines.protocols import Device, DType
from evalsuite.engines.vectors.forms import Rounding, VectorForm
from evalsuite.errors import UsageError
from evalsuite.judging.judge import Judge
from evalsuite.judging.load import find_checkpoint
from evalsuite.options import DATA_ROOT, RESULTS, TASKS_DIRS, Option, names
from evalsuite.schema import Frozen
from evalsuite.stopping.rules import Stopping
from evalsuite.trackers.model import Target

Precision = Literal["float32", "bfloat16", "float16"]


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
    limit_first: Annotated[
        bool, Option("Of generative tasks, --limit keeps the first rows, as lm-eval does.")
    ] = False
    """Otherwise a limit keeps a random choice of the items of generative tasks."""
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
    dims: Annotated[
        tuple[Annotated[int, Field(ge=1)] | Literal["full"], ...],
        BeforeValidator(lambda given: (given,) if isinstance(given, int) else names(given)),
        Option(
            "First dimensions that embeddings are cut to, each scored: full,256,128.", typed=str
        ),
    ] = ("full",)
    vectors: Annotated[
        tuple[Literal["float", Rounding], ...],
        BeforeValidator(names),
        Option("What embeddings are rounded to, each scored: float,int8,binary.", typed=str),
    ] = ("float",)
    fresh: Annotated[
        bool, Option("Evaluate again what is already stored.", flags=("--fresh/--resume",))
    ] = False
    engine: Annotated[
        EngineChoice,
        Option("Engine; auto: vllm to generate, and to embed on a GPU where it can."),
    ] = "auto"
    """Engine for what vLLM and transformers can both do; see :mod:`evalsuite.engines.choice`."""
    prefix_caching: Annotated[
        bool,
        Option(
            "Compute what prompts begin with in common once.",
            flags=("--prefix-caching/--no-prefix-caching",),
        ),
    ] = True
    """Whether what prompts begin with in common is computed only once, where the engine can do that
    with the model. The answers are the same but for rounding: what follows such a beginning is
    computed in other pieces."""
    stopping: Stopping | None = None
    """How a check may end tasks early."""
    judge: Judge | None = None
    """The model that compares the answers of judged tasks."""
    device: Annotated[Device, Option("Device.")] = "auto"
    dtype: Annotated[
        DType,
        Option("auto: bfloat16; float32 to embed on a CPU without bfloat16 instructions."),
    ] = "auto"
    gpu_memory: Annotated[
        float | None,
        Field(gt=0, le=1),
        Option("Share of the GPU's memory for vLLM; else what is free, 0.92 at most."),
    ] = None
    tensor_parallel: Annotated[
        int, Field(ge=1), Option("GPUs that vLLM splits a model over, the first that are visible.")
    ] = 1
    deterministic: Annotated[
        bool, Option("On a GPU, vLLM computes a text the same whatever runs beside it; slower.")
    ] = False
    """With vLLM's batch-invariant kernels: the same bits for any batch, and so in every run on such
    a GPU."""

    @property
    def forms(self) -> tuple[VectorForm, ...]:
        """The forms in which embeddings are scored."""
        return tuple(
            VectorForm(
                dims=None if dims == "full" else dims,
                rounding=None if vectors == "float" else vectors,
            )
            for dims in dict.fromkeys(self.dims)
            for vectors in dict.fromkeys(self.vectors)
        )


class Resolved(RunOptions):
    """The options of a run on this machine, with nothing left to choose.

    Made once while planning (:func:`resolve`) and handed down to whatever runs.
    """

    device: DeviceName = "cpu"
    gpu: Gpu | None = None
    """The GPU; ``None`` on the CPU. Its free memory is that of when this was made."""
    embedding_dtype: Precision = "float32"
    """Precision of weights and activations where texts are embedded."""
    generative_dtype: Precision = "bfloat16"
    """The same where texts are generated."""
    generator: GeneratorEngine = "vllm"
    """The engine that generates."""
    judge_checkpoint: Checkpoint | None = None
    """The judge's checkpoint; ``None`` for an endpoint."""
    notes: tuple[str, ...] = ()
    """What was chosen otherwise than usual, in words for whoever started the run."""

    @property
    def gpu_facts(self) -> dict[str, str]:
        """What every record of the run keeps of the GPU; nothing on the CPU."""
        return {} if self.gpu is None else self.gpu.facts

    @property
    def hardware(self) -> str:
        """What computes: vectors of one GPU are not those of another, bit by bit."""
        if self.gpu is None:
            return self.device
        several = f" × {self.tensor_parallel}" if self.tensor_parallel > 1 else ""
        return f"{self.device} {self.gpu.name}{several}"

    def shares_beginnings(self, checkpoint: Checkpoint) -> bool:
        """Whether what prompts begin with in common is computed once."""
        return self.prefix_caching and why_not_shared(checkpoint, self.generator) is None


def resolve(options: RunOptions, *, judged: bool = False) -> Resolved:
    """Choose what was left to evalsuite: device, precision, engine, the judge's checkpoint.

    Args:
        options: As a person gave them.
        judged: Whether a task needs the judge.

    Raises:
        UsageError: For a device that this machine lacks, or a judge that cannot judge.
        CheckpointError: If the judge's checkpoint is not there.
    """
    if isinstance(options, Resolved):
        return options
    generator = generator_engine(options.engine)
    judge = find_checkpoint(options.judge) if judged and options.judge else None
    gpu = find_gpu(options.device, options.tensor_parallel)
    device: DeviceName = "cpu" if gpu is None else "cuda"
    for name in ("gpu_memory", "tensor_parallel", "deterministic"):
        given = getattr(options, name) != RunOptions.model_fields[name].default
        if given and (gpu is None or options.engine == "transformers"):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is for vLLM on a GPU, and changes nothing", "leave it out")
    if options.deterministic and gpu is not None:
        check_batch_invariant(gpu)
    return Resolved(
        **dict(options) | {"device": device},
        gpu=gpu,
        embedding_dtype=resolve_dtype(options.dtype, device, "embedding", gpu),
        generative_dtype=resolve_dtype(options.dtype, device, "generative", gpu),
        generator=generator,
        judge_checkpoint=judge,
        notes=tuple(_notes(options, gpu)),
    )


def _notes(options: RunOptions, gpu: Gpu | None) -> Iterator[str]:
    if why := why_passed_over(options.device):
        yield why
    if gpu is not None and options.dtype == "auto" and not gpu.has_bfloat16:
        yield f"{gpu.name} has no bfloat16: texts are embedded in float32 and generated in float16"


class Original(Frozen):
    """What a checkpoint is called that is read from a copy, because the original may be deleted."""

    copy_path: str
    """Folder of the copy, as it stands in the request."""
    source: str
    name: str
    step: int | None = None

    def named(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint under the original's name, if it was read from the copy."""
        if checkpoint.source != self.copy_path:
            return checkpoint
        return checkpoint.model_copy(
            update={"source": self.source, "name": self.name, "step": self.step}
        )


class Request(Frozen):
    """What ``evalsuite run``, ``evalsuite check`` and :func:`evalsuite.evaluate` all take."""

    tasks_dirs: Annotated[tuple[Path, ...], TASKS_DIRS] = ()
    quick: Annotated[bool, Option("Run tasks as their files say under 'quick'.")] = False
    results: Annotated[Path, RESULTS] = Path("results")
    options: RunOptions = RunOptions()
    checkpoint_options: CheckpointOptions = CheckpointOptions()
    log: Annotated[
        tuple[Target, ...],
        BeforeValidator(names),
        Option(
            "Trackers that get the scores: wandb, mlflow, trackio, or wandb:PROJECT,…", typed=str
        ),
    ] = ()
    original: Original | None = None
    """Set where one of the checkpoints is a copy: records then name the original."""
