"""What a run would do: the plan, and for each task what the model would be given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import EvalsuiteError, ExitCode
from evalsuite.kinds.base import Preview
from evalsuite.kinds.table import kind_of
from evalsuite.run.job import Job
from evalsuite.run.options import Resolved
from evalsuite.run.own_data import check_files
from evalsuite.run.plan import Plan
from evalsuite.run.workers.process import set_library_environment
from evalsuite.run.workers.spec import context_of

IDS_SHOWN = 12
"""Token ids shown of each example."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run has to say."""

    text: str
    exit_code: ExitCode
    """Of the first task that cannot be shown; else that of a run that lacks data."""


def dry_run(plan: Plan) -> DryRun:
    """The plan with one rendered example of each side of each task; loads no weights."""
    set_library_environment(offline=plan.options.data_root is not None)
    codes: list[ExitCode] = []
    lines: list[str] = []
    seen: set[str] = set()
    for job in plan.jobs:
        if job.checkpoint.fingerprint not in seen:
            seen.add(job.checkpoint.fingerprint)
            lines.append(_detected(job.checkpoint))
        lines += _lines(job, plan.options, codes)
    codes += [ExitCode.DATA for job in plan.jobs if job.missing]
    failed = next((code for code in codes if code is not ExitCode.OK), ExitCode.OK)
    return DryRun("\n".join(lines), failed)


def _detected(checkpoint: Checkpoint) -> str:
    """What a checkpoint was taken for, and why."""
    return f"{checkpoint.name}: taken as {checkpoint.kind} ({'; '.join(checkpoint.evidence)})"


def _lines(job: Job, options: Resolved, codes: list[ExitCode]) -> Iterator[str]:
    """The lines of a job; the code of an error that keeps it from being shown goes to ``codes``."""
    state = "stored" if job.record else f"skipped: {job.skip}" if job.skip else "to run"
    yield f"{job.checkpoint.name} {job.task.name} [{state}]"
    yield f"  signature {job.signature.short()}"
    if job.skip:
        return
    try:
        check_files(job.task, options.data_root)
        for example in _examples(job, options):
            ids = " ".join(map(str, example.token_ids[:IDS_SHOWN]))
            yield f"  {example.side}: {example.text!r}"
            if ids:
                yield f"  {' ' * len(example.side)}  first token ids: {ids}"
    except EvalsuiteError as error:
        codes.append(error.exit_code)
        yield f"  cannot be shown: {error.line}"
    except Exception as error:  # noqa: BLE001 - one task's defect must not end the others
        codes.append(ExitCode.TASK_FAILED)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        yield f"  cannot be shown: {reason}; evalsuite tasks show {job.task.name} says what it is"


def _examples(job: Job, options: Resolved) -> list[Preview]:
    with tempfile.TemporaryDirectory() as folder:
        context = context_of(job.checkpoint, job, options, Path(folder))
        return kind_of(job.task).preview(job.task, context)
