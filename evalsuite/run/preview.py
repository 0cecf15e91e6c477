"""What a run would do: the plan, and for each task what the model would be given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import EvalsuiteError, ExitCode
from evalsuite.kinds.base import Context, Preview
from evalsuite.kinds.table import (
    cached_harness,
    embedding_harness,
    generative_harness,
    judged_harness,
    retrieving_harness,
)
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import Job, Plan
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


def dry_run(plan: Plan, options: RunOptions) -> DryRun:
    """The plan with one rendered example of each side of each task; loads no weights."""
    set_library_environment(offline=options.data_root is not None)
    codes: list[ExitCode] = []
    lines = [line for job in plan.jobs for line in _lines(job, options, plan.judge, codes)]
    codes += [ExitCode.DATA for job in plan.jobs if job.missing]
    failed = next((code for code in codes if code is not ExitCode.OK), ExitCode.OK)
    return DryRun("\n".join(lines), failed)


def _lines(
    job: Job, options: RunOptions, judge: Checkpoint | None, codes: list[ExitCode]
) -> Iterator[str]:
    """The lines of a job; the code of an error that keeps it from being shown goes to ``codes``."""
    state = "stored" if job.record else f"skipped: {job.skip}" if job.skip else "to run"
    yield f"{job.checkpoint.name} {job.task.name} [{state}]"
    yield f"  signature {job.signature.short()}"
    if job.skip:
        return
    try:
        for example in _examples(job, options, judge):
            ids = " ".join(map(str, example.token_ids[:IDS_SHOWN]))
            yield f"  {example.side}: {example.text!r}"
            if ids:
                yield f"  {' ' * len(example.side)}  first token ids: {ids}"
    except EvalsuiteError as error:
        codes.append(error.exit_code)
        yield f"  cannot be shown: {error.line}"


def _examples(job: Job, options: RunOptions, judge: Checkpoint | None) -> list[Preview]:
    with tempfile.TemporaryDirectory() as folder:
        context: Context = context_of(
            job.checkpoint, job.task, job.instruction, options, Path(folder)
        )
        if job.task.cached:
            return cached_harness(job.task).preview(job.task, context)
        if job.task.judged:
            context = replace(context, judge_checkpoint=judge)
            return judged_harness(job.task).preview(job.task, context)
        if job.task.world == "generative" and not job.task.retrieves:
            return generative_harness(job.task).preview(job.task, context)
        from evalsuite.engines.load import load_encoder

        encoder = load_encoder(job.checkpoint, weights=False)
        if job.task.retrieves:
            return retrieving_harness(job.task).preview(job.task, encoder, context)
        return embedding_harness(job.task).preview(job.task, encoder, context)
