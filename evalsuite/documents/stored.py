"""Records, imports and tasks as documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from evalsuite.documents.base import Document, ScoreLine
from evalsuite.schema import Frozen, Record
from evalsuite.suspicions import said


class ResultsDocument(Document):
    """``evalsuite results ls``."""

    document: Literal["results"] = "results"
    store: str
    records: list[ScoreLine]
    problems: list[str]
    """Files that cannot be read, a line each."""


class ImportDocument(Document):
    """``evalsuite import``."""

    document: Literal["import"] = "import"
    store: str
    new: int
    known: int
    """Records that were stored already."""
    replaced: int
    """Records that an earlier version had made of the same files."""
    left_out: list[str]
    """What was not taken over, a line each with the reason."""
    records: list[ScoreLine]
    """What the files hold."""


class SuiteEntry(Frozen):
    """One suite."""

    name: str
    tasks: list[str]
    description: str


class TaskEntry(Frozen):
    """One task."""

    name: str
    kind: str
    about: str
    category: str | None
    description: str


class TasksDocument(Document):
    """``evalsuite tasks list``."""

    document: Literal["tasks"] = "tasks"
    suites: list[SuiteEntry]
    tasks: list[TaskEntry]
    beside: list[str]
    """Task files of a harness's own format in tasks folders."""
    harness_suites: list[str]
    """Suites that a harness defines, as after ``--suite``."""
    instruction_sets: list[str]


class TaskDocument(Document):
    """``evalsuite tasks show``."""

    document: Literal["task"] = "task"
    what: Literal["task", "suite", "instructions"]
    name: str
    file: str | None
    """``null`` for a task or suite that goes by the harness's name."""
    definition: dict[str, Any]
    facts: dict[str, Any]
    """What the harness says of the task, or what its own files hold."""


def score_line(record: Record) -> ScoreLine:
    """What scripts need of a record; the whole of it is the file in the store."""
    signature = record.signature
    return ScoreLine(
        checkpoint=record.checkpoint.name,
        fingerprint=record.checkpoint.fingerprint,
        task=signature.task,
        world=signature.world,
        status=record.status,
        step=record.checkpoint.step,
        metric=record.main_metric,
        score=record.score,
        stderr=record.stderr,
        percent=record.percent,
        n=record.n,
        limit=signature.limit,
        reason=record.reason,
        suspicions=[said(one) for one in record.suspicions],
        signature=signature.short(),
        created=record.created.isoformat(),
    )


def score_lines(records: Iterable[Record]) -> list[ScoreLine]:
    """A line for each record."""
    return [score_line(record) for record in records]
