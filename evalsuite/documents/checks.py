"""Verdicts, baselines and the doctor's lines as documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from evalsuite.doctor.finding import Finding
from evalsuite.documents.base import Document
from evalsuite.errors import ExitCode
from evalsuite.results.check.baselines import Baseline
from evalsuite.results.check.verdicts import CheckResult
from evalsuite.schema import Frozen, Record


class CheckedTask(Frozen):
    """What a check says of one task; scores and differences as tables show them."""

    task: str
    category: str | None
    verdict: Literal["pass", "regression", "inconclusive", "missing", "suspect"]
    blocks: bool
    """Whether the verdict keeps the check from being green."""
    required: bool
    reason: str
    baseline: float | None
    candidate: float | None
    delta: float | None
    interval: tuple[float | None, float | None] | None
    """The 95 % interval of ``delta``."""
    at_worst: float | None
    """The worst difference that the data does not rule out."""
    tolerated: float
    p: float | None
    detectable: float | None
    test: str | None
    samples: int | None
    won: int | None
    lost: int | None
    not_paired: str | None


class CheckDocument(Document):
    """``evalsuite check``."""

    document: Literal["check"] = "check"
    verdict: Literal["pass", "regression", "inconclusive", "missing", "suspect"]
    green: bool
    blocking: Literal["regression", "inconclusive", "missing", "suspect"] | None
    exit_code: int
    headline: str
    candidate: str
    baseline: str
    policy: dict[str, Any]
    tasks: list[CheckedTask]
    notes: list[str]


class BaselineEntry(Frozen):
    """One baseline."""

    name: str
    checkpoint: str
    fingerprint: str
    suite: str | None
    """``null`` for all tasks that were stored."""
    scores: int
    created: str


class BaselinesDocument(Document):
    """``evalsuite baseline set`` and ``evalsuite baseline list``."""

    document: Literal["baselines"] = "baselines"
    folder: str
    baselines: list[BaselineEntry]


class BaselineScore(Frozen):
    """One score of a baseline."""

    task: str
    metric: str | None
    value: float
    """As tables show it."""
    signature: str


class BaselineDocument(Document):
    """``evalsuite baseline show``."""

    document: Literal["baseline"] = "baseline"
    baseline: BaselineEntry
    scores: list[BaselineScore]


class FindingEntry(Frozen):
    """One line of the doctor."""

    check: str
    state: Literal["ok", "warn", "fail"]
    text: str
    fix: str | None
    """What to type or change."""


class DoctorDocument(Document):
    """``evalsuite doctor``."""

    document: Literal["doctor"] = "doctor"
    findings: list[FindingEntry]
    failed: int
    warned: int


def check_document(result: CheckResult, code: ExitCode) -> CheckDocument:
    """A verdict, with the lines that ``check.json`` has."""
    from evalsuite.report.check_result import headline, task_rows

    known = CheckedTask.model_fields
    return CheckDocument.model_validate(
        {
            "verdict": result.verdict,
            "green": result.blocking is None,
            "blocking": result.blocking,
            "exit_code": int(code),
            "headline": headline(result),
            "candidate": result.candidate,
            "baseline": result.baseline,
            "policy": result.policy.model_dump(mode="json"),
            "tasks": [
                {key: value for key, value in row.items() if key in known}
                for row in task_rows(result)
            ],
            "notes": list(result.notes),
        }
    )


def baseline_entry(baseline: Baseline) -> BaselineEntry:
    """What ``baseline.json`` says, without its files."""
    return BaselineEntry(
        name=baseline.name,
        checkpoint=baseline.checkpoint,
        fingerprint=baseline.fingerprint,
        suite=baseline.suite,
        scores=baseline.tasks,
        created=baseline.created.isoformat(),
    )


def baseline_document(baseline: Baseline, records: Iterable[Record]) -> BaselineDocument:
    """A baseline with its scores."""
    from evalsuite.metrics import metric_of

    return BaselineDocument(
        baseline=baseline_entry(baseline),
        scores=[
            BaselineScore(
                task=record.signature.task,
                metric=record.main_metric,
                value=metric_of(record).factor * (record.score or 0.0),
                signature=record.signature.short(),
            )
            for record in records
        ],
    )


def doctor_document(findings: Iterable[Finding]) -> DoctorDocument:
    """All lines of the doctor."""
    entries = [FindingEntry(**finding.model_dump()) for finding in findings]
    return DoctorDocument(
        findings=entries,
        failed=sum(entry.state == "fail" for entry in entries),
        warned=sum(entry.state == "warn" for entry in entries),
    )
