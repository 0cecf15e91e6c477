"""What ``evalsuite run --json`` prints: one JSON object a line, each an event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel

from evalsuite.documents.base import VERSION, ErrorDocument, ScoreLine
from evalsuite.schema import Frozen


class PlannedJob(Frozen):
    """One task on one checkpoint, before anything runs."""

    checkpoint: str
    fingerprint: str
    task: str
    state: Literal["todo", "stored", "skipped", "refused"]
    reason: str | None = None
    """Why it is skipped or refused."""


class Planned(Frozen):
    """The first line: what the run consists of."""

    event: Literal["planned"] = "planned"
    version: Literal[1] = VERSION
    jobs: list[PlannedJob]
    notes: list[str]
    """What was left out or chosen otherwise than usual, a line each."""


class Previewed(Frozen):
    """Of a dry run: the plan and each rendered prompt, as text."""

    event: Literal["previewed"] = "previewed"
    text: str


class Loading(Frozen):
    """An engine is loaded for some tasks of a checkpoint."""

    event: Literal["loading"] = "loading"
    checkpoint: str
    tasks: list[str]


class EngineEvent(Frozen):
    """The engine is loaded, could not be loaded, or was ended because it made no progress."""

    event: Literal["engine"] = "engine"
    checkpoint: str
    state: Literal["ready", "failed", "stalled"]
    engine: str | None = None
    seconds: float | None = None
    reason: str | None = None


class JobEvent(Frozen):
    """A job has begun, waits for another run, got further, or left what its next stage needs."""

    event: Literal["job"] = "job"
    checkpoint: str
    task: str
    state: Literal["waiting", "started", "progress", "stage"]
    done: int | None = None
    total: int | None = None
    unit: str | None = None


class JobDone(Frozen):
    """A job's record is in the store."""

    event: Literal["job_ended"] = "job_ended"
    checkpoint: str
    task: str
    status: Literal["scored", "failed", "skipped"]
    reason: str | None = None


class Scored(Frozen):
    """The outcome of one job of the run, whether it was stored before or not."""

    event: Literal["score"] = "score"
    score: ScoreLine


class Ended(Frozen):
    """The last line."""

    event: Literal["ended"] = "ended"
    exit_code: int
    scored: int
    failed: int
    skipped: int
    no_data: int
    """Jobs without the data that they need."""
    files: list[str]
    """Tables and figures that were written."""


RunEvent = Planned | Previewed | Loading | EngineEvent | JobEvent | JobDone | Scored | Ended


class RunLine(RootModel[Annotated[RunEvent, Field(discriminator="event")] | ErrorDocument]):
    """One line of ``evalsuite run --json``: an event, or the error that ended the run."""
