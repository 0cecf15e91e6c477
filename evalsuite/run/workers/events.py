"""What a worker tells the run while it works: one JSON object a line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from evalsuite.schema import Frozen


class EngineReady(Frozen):
    """The engine is loaded."""

    event: Literal["engine_ready"] = "engine_ready"
    engine: str
    seconds: float


class JobWaiting(Frozen):
    """Another run is doing a job; the worker waits until it is done with it."""

    event: Literal["job_waiting"] = "job_waiting"
    index: int


class JobStarted(Frozen):
    """A job has begun."""

    event: Literal["job_started"] = "job_started"
    index: int
    """Position in the group."""


class EngineBusy(Frozen):
    """The engine works for other jobs than before."""

    event: Literal["engine_busy"] = "engine_busy"
    index: int
    """The earliest of them."""
    beside: tuple[int, ...] = ()
    """The others."""


class JobProgress(Frozen):
    """Part of a job is done."""

    event: Literal["job_progress"] = "job_progress"
    index: int
    done: int
    total: int
    unit: str


class JobEnded(Frozen):
    """A job's record is in the store, or (``answered``) its first stage is done."""

    event: Literal["job_ended"] = "job_ended"
    index: int
    status: Literal["scored", "failed", "skipped", "answered"]
    record: str | None
    """Path of the record, unless another run wrote it or there is none yet."""
    reason: str | None = None
    """Why it failed or was skipped."""
    by_other_run: bool = False
    """Another run had finished it in the meantime."""


class EngineFailed(Frozen):
    """The engine could not be loaded; no job of the group can run."""

    event: Literal["engine_failed"] = "engine_failed"
    reason: str


class EngineStalled(Frozen):
    """The worker no longer gets on and has been ended; said by the run, not by the worker."""

    event: Literal["engine_stalled"] = "engine_stalled"
    reason: str
    restarted: bool
    """Whether a new worker tries again; else what it was at has failed."""


Event = Annotated[
    EngineReady
    | EngineBusy
    | JobWaiting
    | JobStarted
    | JobProgress
    | JobEnded
    | EngineFailed
    | EngineStalled,
    Field(discriminator="event"),
]
ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)
