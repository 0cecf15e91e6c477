"""A run as JSON lines on standard output, for programs that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalsuite.console import print_document
from evalsuite.documents import events as lines
from evalsuite.documents.stored import score_line
from evalsuite.errors import ExitCode
from evalsuite.run.job import Group, Job
from evalsuite.run.plan import Plan
from evalsuite.run.run import RunResult
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import Listener


class EventLines(Listener):
    """Prints a line for each thing that happens."""

    def group_started(self, group: Group) -> None:
        tasks = [job.task.name for job in group.jobs]
        print_document(lines.Loading(checkpoint=group.checkpoint.name, tasks=tasks))

    def on_event(self, group: Group, event: events.Event) -> None:
        line = engine_line(group, event) or job_line(group, event)
        if line is not None:
            print_document(line)


def engine_line(group: Group, event: events.Event) -> lines.EngineEvent | None:
    """What happened to an engine; ``None`` for an event of a job."""
    name = group.checkpoint.name
    match event:
        case events.EngineReady():
            return lines.EngineEvent(
                checkpoint=name, state="ready", engine=event.engine, seconds=event.seconds
            )
        case events.EngineFailed():
            return lines.EngineEvent(checkpoint=name, state="failed", reason=event.reason)
        case events.EngineStalled():
            return lines.EngineEvent(checkpoint=name, state="stalled", reason=event.reason)
    return None


def job_line(group: Group, event: events.Event) -> lines.JobEvent | lines.JobDone | None:
    """What happened to a job; ``None`` for what is of no use outside the run."""
    name = group.checkpoint.name
    match event:
        case events.JobWaiting():
            return lines.JobEvent(checkpoint=name, task=_task(group, event.job), state="waiting")
        case events.JobStarted():
            return lines.JobEvent(checkpoint=name, task=_task(group, event.job), state="started")
        case events.StageEnded():
            return lines.JobEvent(checkpoint=name, task=_task(group, event.job), state="stage")
        case events.JobProgress():
            return lines.JobEvent(
                checkpoint=name,
                task=_task(group, event.job),
                state="progress",
                done=event.done,
                total=event.total,
                unit=event.unit,
            )
        case events.JobEnded():
            return lines.JobDone(
                checkpoint=name,
                task=_task(group, event.job),
                status=event.status,
                reason=event.reason,
            )
    return None


def _task(group: Group, key: str) -> str:
    return group.job(key).task.name


def print_plan(plan: Plan, notes: Sequence[str]) -> None:
    """Print the first line: every job, and what is done with it."""
    print_document(lines.Planned(jobs=list(map(_planned, plan.jobs)), notes=list(notes)))


def _planned(job: Job) -> lines.PlannedJob:
    about = {
        "checkpoint": job.checkpoint.name,
        "fingerprint": job.checkpoint.fingerprint,
        "task": job.task.name,
    }
    if job.skip is not None:
        return lines.PlannedJob(**about, state="skipped", reason=job.skip)
    if job.refused is not None:
        return lines.PlannedJob(**about, state="refused", reason=job.refused.line)
    return lines.PlannedJob(**about, state="todo" if job.todo else "stored")


def print_end(result: RunResult, code: ExitCode, files: Sequence[Path]) -> None:
    """Print a line for each score, and the last line."""
    for record in result.records:
        print_document(lines.Scored(score=score_line(record)))
    count = [record.status for record in result.records].count
    print_document(
        lines.Ended(
            exit_code=int(code),
            scored=count("scored"),
            failed=count("failed"),
            skipped=count("skipped"),
            no_data=len(result.missing),
            files=[str(path) for path in files],
        )
    )
