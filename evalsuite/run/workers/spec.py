"""Messages to the processes of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.vectors.forms import VectorForm
from evalsuite.kinds.base import Context, Need, ProgressEvent, Stage
from evalsuite.kinds.table import TaskOfAnyKind, kind_of
from evalsuite.kinds.task import Instruction
from evalsuite.run.job import Group, Job
from evalsuite.run.options import Resolved
from evalsuite.schema import Frozen, Signature


class JobSpec(Frozen):
    """One job as it is handed to a worker."""

    task: TaskOfAnyKind
    signature: Signature
    instruction: Instruction | None
    stage: int
    """Which of the task's stages is to be done: an index."""

    @property
    def key(self) -> str:
        """The job's name among those of its checkpoint: 64 hex digits."""
        return self.signature.plan_key

    @property
    def to_do(self) -> Stage:
        """The stage that is to be done."""
        return kind_of(self.task).stages[self.stage]

    @property
    def last(self) -> bool:
        """Whether this is the last stage, which gives the score."""
        return self.stage == len(kind_of(self.task).stages) - 1


class WorkerSpec(Frozen):
    """Everything that a worker needs to know."""

    checkpoint: Checkpoint
    needs: Need
    """The engine that all jobs share."""
    jobs: tuple[JobSpec, ...]
    options: Resolved
    store: Path
    log: Path
    in_turn: bool = False
    """Whether the engine answers one call after the other: an earlier worker ended early while
    it worked for several jobs, and only so is it known which one was the reason."""

    @classmethod
    def of(
        cls, group: Group, options: Resolved, store: Path, log: Path, *, in_turn: bool = False
    ) -> WorkerSpec:
        """The message to the worker of a group."""
        return cls(
            checkpoint=group.checkpoint,
            needs=group.needs,
            jobs=tuple(
                JobSpec(
                    task=job.task,
                    signature=job.signature,
                    instruction=job.instruction,
                    stage=group.stage(job),
                )
                for job in group.jobs
            ),
            options=options,
            store=store.absolute(),
            log=log.absolute(),
            in_turn=in_turn,
        )

    def job(self, key: str) -> JobSpec:
        """The job of a key."""
        return next(job for job in self.jobs if job.key == key)

    def position(self, key: str) -> int:
        """Where a job stands in the list: the engine works for the earliest first."""
        return next(place for place, job in enumerate(self.jobs) if job.key == key)

    @property
    def together(self) -> bool:
        """Whether the engine works at calls of several jobs at a time."""
        return self.needs == "generator" and self.uses_vllm and not self.in_turn

    @property
    def uses_vllm(self) -> bool:
        """Whether the engine is vLLM."""
        return uses_vllm(self.needs, self.checkpoint, self.options)


def uses_vllm(needs: Need, checkpoint: Checkpoint, options: Resolved) -> bool:
    """Whether what a group of jobs needs is vLLM."""
    if needs == "encoder":
        return checkpoint.embedding is not None and checkpoint.embedding.engine == "vllm"
    if needs == "judge" and options.judge_checkpoint is None:
        return False
    return needs != "unified" and options.generator == "vllm"


@dataclass(frozen=True, slots=True)
class Do:
    """To a harness process: do a job."""

    job: str
    wait: bool
    """Whether to wait for another run that holds the job."""


@dataclass(frozen=True, slots=True)
class Free:
    """From a harness process: what it was given is over."""

    held: bool
    """Another run holds the job."""


def context_of(
    checkpoint: Checkpoint,
    job: Job | JobSpec,
    options: Resolved,
    workdir: Path,
    progress: ProgressEvent | None = None,
) -> Context:
    """What a kind is given besides the task and the engine."""
    task, signature = job.task, job.signature
    limits = [limit for limit in (task.limit, options.limit) if limit is not None]
    context = Context(
        checkpoint=checkpoint,
        workdir=workdir,
        options=options,
        instruction=job.instruction,
        form=VectorForm.model_validate({"dims": signature.dims, "rounding": signature.vectors}),
        limit=min(limits, default=None),
    )
    return replace(context, progress=progress) if progress else context
