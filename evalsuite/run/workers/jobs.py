"""Doing jobs: the harness is called with an engine, and the record is stored."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.engines.protocols import Encoder, Generator
from evalsuite.engines.remote import RemoteEngine
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.engines.vectors.shared import shared_vectors
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.errors import EvalsuiteError, TaskSkipped
from evalsuite.judging.judge import JudgeEngine
from evalsuite.kinds import table as dispatch
from evalsuite.kinds.base import Context, Evaluation
from evalsuite.registry.models import Task
from evalsuite.run.records import failed_record, scored_record, skipped_record
from evalsuite.run.stored import find_stored
from evalsuite.run.workers import events
from evalsuite.run.workers.spec import JobSpec, WorkerSpec, context_of
from evalsuite.store import Store

Engine = Encoder | Generator | JudgeEngine | UnifiedModel


@dataclass(slots=True)
class JobRunner:
    """Does jobs of a worker's list, in the process that has its engine or in another one."""

    spec: WorkerSpec
    store: Store
    emit: Callable[[events.Event], None]

    def run(self, indices: Iterable[int], engine: Engine) -> None:
        """Do jobs one after the other, last those that another run holds now."""
        held = [index for index in indices if not self.attempt(index, engine, wait=False)]
        for index in held:
            self.attempt(index, engine, wait=True)

    def attempt(self, index: int, engine: Engine, *, wait: bool) -> bool:
        """Do a job unless another run holds it; a job that fails is done.

        Args:
            index: Place in the worker's list.
            engine: Of this process, or the asking end of one.
            wait: Whether to wait for the other run.

        Returns:
            Whether the job is done.
        """
        from filelock import Timeout

        job = self.spec.jobs[index]
        lock = self.store.job_lock(self.spec.checkpoint.ref, job.signature.plan_key)
        if wait:
            self.emit(events.JobWaiting(index=index))
        try:
            with lock.acquire(timeout=-1 if wait else 0):
                self._job(index, job, engine)
        except Timeout:
            return False
        return True

    def first_stage_done(self, index: int) -> bool:
        """Whether an earlier run has left what the job's second stage needs."""
        job = self.spec.jobs[index]
        task = job.task
        if not (task.judged or task.retrieves) or self.spec.second_stage(job):
            return False
        context = self._context(index, job)  # only now: a context makes the job's folder
        if task.retrieves:
            return dispatch.retrieving_harness(task).retrieved(task, context)
        return dispatch.judged_harness(task).answered(task, context)

    def fail(self, index: int, reason: str) -> None:
        """Store that a job has failed."""
        job = self.spec.jobs[index]
        record = failed_record(self.spec.checkpoint, job.task, job.signature, reason)
        written = self.store.put(self.store.after_earlier(record))
        self.emit(events.JobEnded(index=index, status="failed", record=str(written), reason=reason))

    def _job(self, index: int, job: JobSpec, engine: Engine) -> None:
        self.emit(events.JobStarted(index=index))
        ref, key = self.spec.checkpoint.ref, job.signature.plan_key
        if self._finished_meanwhile(job):
            self.store.finish_job(ref, key)  # the lock just taken has made its file again
            self.emit(events.JobEnded(index=index, status="scored", record=None, by_other_run=True))
            return
        if self.spec.options.fresh and not self.spec.second_stage(job):
            self.store.drop_job_folder(ref, key)
        started = time.perf_counter()
        samples = None
        try:
            evaluation = self._evaluate(index, job, engine)
            if evaluation is None:
                self.emit(events.JobEnded(index=index, status="answered", record=None))
                return
            samples = evaluation.samples
            total = time.perf_counter() - started + evaluation.earlier_seconds
            record = scored_record(self.spec.checkpoint, job.task, job.signature, evaluation, total)
        except TaskSkipped as skip:
            record = skipped_record(self.spec.checkpoint, job.task, job.signature, skip.line)
        except EvalsuiteError as error:
            logging.getLogger(__name__).error("%s", traceback.format_exc())
            record = failed_record(self.spec.checkpoint, job.task, job.signature, error.line)
        except Exception as error:  # noqa: BLE001 - one task's defect must not end the others
            logging.getLogger(__name__).error("%s", traceback.format_exc())
            reason = f"{type(error).__name__}: {error}; see {self.spec.log}"
            record = failed_record(
                self.spec.checkpoint, job.task, job.signature, " ".join(reason.split())
            )
        written = self.store.put(self.store.after_earlier(record), samples)
        if record.status == "scored":
            self.store.finish_job(ref, key)
        self.emit(
            events.JobEnded(
                index=index, status=record.status, record=str(written), reason=record.reason
            )
        )

    def _finished_meanwhile(self, job: JobSpec) -> bool:
        options = self.spec.options
        if options.fresh:
            return False
        stored = find_stored(
            self.spec.checkpoint.fingerprint,
            job.task,
            job.signature,
            options.data_root,
            self.store,
        )
        return stored is not None

    def _context(self, index: int, job: JobSpec) -> Context:
        def progress(done: int, total: int, unit: str) -> None:
            self.emit(events.JobProgress(index=index, done=done, total=total, unit=unit))

        checkpoint = self.spec.checkpoint
        workdir = self.store.job_folder(checkpoint.ref, job.signature.plan_key)
        context = context_of(
            checkpoint, job.task, job.instruction, self.spec.options, workdir, progress
        )
        return replace(context, judge_checkpoint=self.spec.judge, vectors=self._vectors())

    def _vectors(self) -> VectorFiles | None:
        """Where the vectors are of all jobs that embed in the same way."""
        checkpoint, options = self.spec.checkpoint, self.spec.options
        if checkpoint.embedding is None or self.spec.world != "embedding":
            return None
        device = resolve_device(options.device)
        return shared_vectors(
            checkpoint.fingerprint,
            checkpoint.embedding.facts,
            engine=engine_version(checkpoint.embedding.engine),
            device=device,
            precision=resolve_dtype(options.dtype, device, "embedding"),
            read=not options.fresh,
        )

    def _evaluate(self, index: int, job: JobSpec, engine: Engine) -> Evaluation | None:
        """Evaluate a job, or (``None``) do its first stage."""
        task, context = job.task, self._context(index, job)
        if isinstance(engine, RemoteEngine):
            return _evaluate_remotely(task, engine, context)
        if isinstance(engine, UnifiedModel):
            return dispatch.cached_harness(task).evaluate(task, engine, context)
        if isinstance(engine, Encoder):
            if task.retrieves:
                dispatch.retrieving_harness(task).retrieve(task, engine, context)
                return None
            return dispatch.embedding_harness(task).evaluate(task, engine, context)
        if not isinstance(engine, Generator):
            return dispatch.judged_harness(task).judge(task, engine, context)
        if task.judged:
            dispatch.judged_harness(task).answer(task, engine, context)
            return None
        if task.retrieves:
            return dispatch.retrieving_harness(task).evaluate(task, engine, context)
        return dispatch.generative_harness(task).evaluate(task, engine, context)


def _evaluate_remotely(task: Task, engine: RemoteEngine, context: Context) -> Evaluation:
    """Evaluate with an engine that serves others too: its time is told by itself."""
    before = engine.seconds
    if isinstance(engine, Encoder):
        evaluation = dispatch.embedding_harness(task).evaluate(task, engine, context)
    else:
        assert isinstance(engine, Generator)
        evaluation = dispatch.generative_harness(task).evaluate(task, engine, context)
    return replace(evaluation, engine_seconds=engine.seconds - before)
