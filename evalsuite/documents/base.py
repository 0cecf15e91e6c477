"""What all documents share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evalsuite.schema import Frozen

VERSION: Literal[1] = 1
"""Version of all documents. New keys may come in a version; what is there keeps its meaning."""


class Document(Frozen):
    """One JSON document on standard output."""

    version: Literal[1] = VERSION


class Message(Frozen):
    """A note about a score or a table."""

    text: str
    mark: str = ""
    """Stands beside what the note is about; empty where it is about everything."""


class ErrorDocument(Document):
    """Why a command ended without a result."""

    document: Literal["error"] = "error"
    exit_code: int
    """As the process ends with; ``docs/exit-codes.md`` lists them."""
    kind: str
    """Name of the exit code in lower case, such as ``usage`` or ``data``."""
    message: str
    """One line: what is wrong, where, and what to do next."""


class ScoreLine(Frozen):
    """One record of a store, or the outcome of one job."""

    checkpoint: str
    fingerprint: str
    task: str
    world: Literal["embedding", "generative"]
    status: Literal["scored", "failed", "skipped"]
    step: int | None = None
    """Training step of the checkpoint, where its folder's name carries one."""
    metric: str | None = None
    score: float | None = None
    """In the harness's own unit: a fraction, where ``percent`` is true."""
    stderr: float | None = None
    percent: bool = True
    """Whether tables show 100 times the score."""
    n: int | None = None
    """Number of test items."""
    limit: float | None = None
    reason: str | None = None
    """Why it failed or was skipped."""
    suspicions: list[str] = Field(default_factory=list)
    """Why the score must not be trusted without a look."""
    signature: str
    """How the score came to be, in short."""
    created: str
    """Time in ISO 8601."""
