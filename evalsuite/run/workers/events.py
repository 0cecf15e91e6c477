"""What a worker reports to the run while it works: one JSON object a line.

A job is named by its plan key (:attr:`evalsuite.run.plan.Job.key`), which is the same in every
process.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from evalsuite.schema import Frozen, Status


class EngineLoading(Frozen):
    """The model is being loaded."""

    event: Literal["engine_loading"] = "engine_loading"
    imported: float | None
    """Seconds that the import of its libraries took; ``None``: it is part of loading."""
    doing: str
    """``loading 91 MB of weights``."""


class EngineReady(Frozen):
    """The engine is loaded."""

    event: Literal["engine_ready"] = "engine_ready"
    engine: str
    seconds: float


class JobWaiting(Frozen):
    """Another run is doing a job; the worker waits until it is done with it."""

    event: Literal["job_waiting"] = "job_waiting"
    job: str


class JobStarted(Frozen):
    """A job has begun."""

    event: Literal["job_started"] = "job_started"
    job: str


class EngineBusy(Frozen):
    """The engine works for other jobs than before."""

    event: Literal["engine_busy"] = "engine_busy"
    job: str
    """The earliest of them."""
    beside: tuple[str, ...] = ()
    """The others."""


class JobProgress(Frozen):
    """Part of a job is done."""

    event: Literal["job_progress"] = "job_progress"
    job: str
    done: int
    total: int
    unit: str


class StageEnded(Frozen):
    """A job has left what its next stage needs."""

    event: Literal["stage_ended"] = "stage_ended"
    job: str


class JobEnded(Frozen):
    """A job's record is in the store."""

    event: Literal["job_ended"] = "job_ended"
    job: str
    status: Status
    record: str | None
    """Path of the record, unless another run wrote it."""
    reason: str | None = None
    """Why it failed, was skipped or ended early."""
    by_other_run: bool = False
    """Another run had finished it in the meantime."""


class EngineFailed(Frozen):
    """The engine could not be loaded; no job of the group can run."""

    event: Literal["engine_failed"] = "engine_failed"
    reason: str


class EngineStalled(Frozen):
    """The worker made no progress and was ended; reported by the run, not by the worker."""

    event: Literal["engine_stalled"] = "engine_stalled"
    reason: str
    restarted: bool
    """Whether a new worker tries again; otherwise the job it was doing has failed."""


Event = Annotated[
    EngineLoading
    | EngineReady
    | EngineBusy
    | JobWaiting
    | JobStarted
    | JobProgress
    | StageEnded
    | JobEnded
    | EngineFailed
    | EngineStalled,
    Field(discriminator="event"),
]
ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)
