"""What the processes of a run are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.choice import generator_engine
from evalsuite.kinds.base import Context, ProgressEvent
from evalsuite.registry.models import Instruction, Task
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import Stage, is_second_stage
from evalsuite.schema import Frozen, Signature, World


class JobSpec(Frozen):
    """One job as it is handed to a worker."""

    task: Task
    signature: Signature
    instruction: Instruction | None


class WorkerSpec(Frozen):
    """All that a worker is told."""

    checkpoint: Checkpoint
    world: World
    jobs: tuple[JobSpec, ...]
    options: RunOptions
    store: Path
    log: Path
    stage: Stage = "evaluate"
    judge: Checkpoint | None = None
    """The judge's checkpoint; ``None`` for an endpoint."""
    cached: bool = False
    """Whether the engine embeds and generates from caches."""

    in_turn: bool = False
    """Whether the engine answers one call after the other: an earlier worker ended early while
    it worked for several jobs, and only so is it known which one was the reason."""

    def second_stage(self, job: JobSpec) -> bool:
        """Whether this worker does the second of a job's two stages."""
        return is_second_stage(job.task, self.world, self.stage)

    @property
    def together(self) -> bool:
        """Whether the engine works at calls of several jobs at a time."""
        vllm = self.world == "generative" and generator_engine(self.options.engine) == "vllm"
        return vllm and not self.in_turn

    def plain(self, job: JobSpec) -> bool:
        """Whether one harness does all of a job, with one engine that it only calls."""
        staged = job.task.judged or job.task.retrieves
        return not (staged or self.cached or self.stage == "judge")


@dataclass(frozen=True, slots=True)
class Do:
    """To a harness process: do a job."""

    index: int
    wait: bool
    """Whether to wait for another run that holds the job."""


@dataclass(frozen=True, slots=True)
class Free:
    """From a harness process: what it was given is over."""

    held: bool
    """Another run holds the job."""


def context_of(
    checkpoint: Checkpoint,
    task: Task,
    instruction: Instruction | None,
    options: RunOptions,
    workdir: Path,
    progress: ProgressEvent | None = None,
) -> Context:
    """What a harness is told besides the task and the engine."""
    limits = [limit for limit in (task.limit, options.limit) if limit is not None]
    context = Context(
        checkpoint=checkpoint,
        workdir=workdir,
        instruction=instruction,
        data_root=options.data_root,
        limit=min(limits, default=None),
        seed=options.seed,
        shots=task.shots,
        judge=options.judge,
        retriever=options.retriever,
        embed_length=options.embed_length,
    )
    return replace(context, progress=progress) if progress else context
