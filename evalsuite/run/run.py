"""One run from what was asked to what is known: plan, execute, collect."""

from __future__ import annotations

from dataclasses import dataclass

from evalsuite.errors import EvalsuiteError
from evalsuite.run.job import Job
from evalsuite.run.options import Resolved
from evalsuite.run.plan import Plan
from evalsuite.run.records import failed_record, skipped_record
from evalsuite.run.stored import score_of
from evalsuite.run.workers.executor import Executor, Listener
from evalsuite.schema import Record
from evalsuite.store import Store


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run ends with."""

    records: tuple[Record, ...]
    """One for each job of the plan, in its order; skipped and failed ones too."""
    missing: tuple[Job, ...] = ()
    """The jobs that had no data."""

    @property
    def failed(self) -> list[Record]:
        """The jobs that failed."""
        return [record for record in self.records if record.status == "failed"]

    @property
    def suspect(self) -> list[Record]:
        """The scores that must not be trusted without a look."""
        return [record for record in self.records if record.score is not None and record.suspicions]


def store_skips(plan: Plan, store: Store) -> None:
    """Store the reasons of what cannot be measured: the table is made from the store alone."""
    for job in plan.jobs:
        if job.skip:
            store.put(_skip(job, job.skip, plan.options))
        if job.refused:
            store.put(store.after_earlier(_refusal(job, job.refused, plan.options)))


def execute(plan: Plan, store: Store, executor: Executor, listener: Listener) -> RunResult:
    """Run what is left to do, and collect the records of all jobs."""
    for job in plan.jobs:
        if job.record and job.record.status == "scored":
            store.clear_finished(job.checkpoint.ref, job.signature.plan_key)
    executor.run(plan.groups, plan.options, store, listener)
    return RunResult(
        records=tuple(_outcome(job, plan.options, store) for job in plan.jobs),
        missing=tuple(job for job in plan.jobs if job.missing),
    )


def _outcome(job: Job, options: Resolved, store: Store) -> Record:
    if job.record:
        return job.record
    if job.skip:
        return _skip(job, job.skip, options)
    if job.refused:
        return _refusal(job, job.refused, options)
    stored = score_of(job, options.data_root, store)
    if stored:
        return stored
    outcome = store.outcome(job.checkpoint.ref, job.signature)
    if outcome:
        return outcome
    reason = "ended without a record; run again"
    of = job.checkpoint, job.task, job.signature
    return failed_record(*of, reason, gpu=options.gpu_facts)


def _skip(job: Job, reason: str, options: Resolved) -> Record:
    return skipped_record(job.checkpoint, job.task, job.signature, reason, options.gpu_facts)


def _refusal(job: Job, why: EvalsuiteError, options: Resolved) -> Record:
    of = job.checkpoint, job.task, job.signature
    return failed_record(*of, why.line, why.exit_code, options.gpu_facts)
