"""Jobs, and the groups of them that share an engine."""

from __future__ import annotations

from dataclasses import dataclass

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import EvalsuiteError
from evalsuite.kinds.base import Need, Stage
from evalsuite.kinds.table import kind_of
from evalsuite.kinds.task import Instruction, Task
from evalsuite.schema import Record, Signature, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task on one checkpoint."""

    checkpoint: Checkpoint
    task: Task
    signature: Signature
    instruction: Instruction | None = None
    outside: str | None = None
    """The instruction set, where it has no entry for the task."""
    record: Record | None = None
    """The stored score, if there is one: nothing is left to do."""
    skip: str | None = None
    """Why this cannot be measured here."""
    refused: EvalsuiteError | None = None
    """Why the task's own files cannot be scored: the job has failed before a model is loaded."""
    missing: tuple[str, ...] = ()
    """Data sets that the task needs and ``--data`` does not hold."""
    stale: bool = False
    """Whether a score is stored that was computed from other data."""

    @property
    def todo(self) -> bool:
        """Whether a model has to run."""
        return self.record is None and self.skip is None and self.refused is None

    @property
    def key(self) -> str:
        """The job's name among those of its checkpoint: 64 hex digits."""
        return self.signature.plan_key

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What has to be done, in order."""
        return kind_of(self.task).stages


@dataclass(frozen=True, slots=True)
class Group:
    """Stages of jobs that share one engine, in order."""

    checkpoint: Checkpoint
    needs: Need
    jobs: tuple[Job, ...]

    @property
    def world(self) -> World:
        """What the engine does."""
        return "embedding" if self.needs == "encoder" else "generative"

    def job(self, key: str) -> Job:
        """The job of a key."""
        return next(job for job in self.jobs if job.key == key)

    def stage(self, job: Job) -> int:
        """Which of a job's stages this group does: an index."""
        return next(i for i, stage in enumerate(job.stages) if stage.needs == self.needs)
