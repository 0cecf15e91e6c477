"""Doing jobs: a task's kind is called with an engine, and the record is stored."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from evalsuite.engines.cuda.lost import raise_if_lost
from evalsuite.engines.device import engine_version
from evalsuite.engines.protocols import Detailed, Encoder, Generator
from evalsuite.engines.remote import RemoteEngine
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.engines.vectors.shared import shared_vectors
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.errors import EvalsuiteError, TaskSkipped
from evalsuite.judging.judge import JudgeEngine
from evalsuite.kinds.base import Context, Evaluation
from evalsuite.kinds.table import kind_of
from evalsuite.run.records import failed_record, scored_record, skipped_record, stopped_record
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

    def run(self, keys: Iterable[str], engine: Engine) -> None:
        """Do jobs one after the other, last those that another run holds now."""
        held = [key for key in keys if not self.attempt(key, engine, wait=False)]
        for key in held:
            self.attempt(key, engine, wait=True)

    def attempt(self, key: str, engine: Engine, *, wait: bool) -> bool:
        """Do a job unless another run holds it; a job that fails is done.

        Args:
            key: The job's.
            engine: Of this process, or the asking end of one.
            wait: Whether to wait for the other run.

        Returns:
            Whether the job is done.
        """
        from filelock import Timeout

        job = self.spec.job(key)
        lock = self.store.job_lock(self.spec.checkpoint.ref, key)
        if wait:
            self.emit(events.JobWaiting(job=key))
        try:
            with lock.acquire(timeout=-1 if wait else 0):
                self._job(job, engine)
        except Timeout:
            return False
        return True

    def stage_done(self, job: JobSpec) -> bool:
        """Whether an earlier run has left what the stage after this one needs."""
        if job.last or self.spec.options.fresh:
            return False
        # A context makes the job's folder: only now.
        return kind_of(job.task).done(job.to_do.name, job.task, self._context(job))

    def fail(self, key: str, reason: str) -> None:
        """Store that a job has failed."""
        job = self.spec.job(key)
        gpu = self._hardware(None)
        record = failed_record(self.spec.checkpoint, job.task, job.signature, reason, gpu=gpu)
        written = self.store.put(self.store.after_earlier(record))
        self.emit(events.JobEnded(job=key, status="failed", record=str(written), reason=reason))

    def _job(self, job: JobSpec, engine: Engine) -> None:
        key, ref = job.key, self.spec.checkpoint.ref
        self.emit(events.JobStarted(job=key))
        if self._finished_meanwhile(job):
            self.store.finish_job(ref, key)  # the lock just taken has made its file again
            self.emit(events.JobEnded(job=key, status="scored", record=None, by_other_run=True))
            return
        if self.spec.options.fresh and job.stage == 0:
            self.store.drop_job_folder(ref, key)
        of = self.spec.checkpoint, job.task, job.signature
        started = time.perf_counter()
        samples, texts = None, None
        try:
            evaluation = self._evaluate(job, engine)
            if evaluation is None:
                self.emit(events.StageEnded(job=key))
                return
            samples, texts = evaluation.samples, evaluation.texts
            total = time.perf_counter() - started + evaluation.earlier_seconds
            make = scored_record if evaluation.stopped is None else stopped_record
            record = make(*of, evaluation, total, self._hardware(engine))
        except TaskSkipped as skip:
            record = skipped_record(*of, skip.line, self._hardware(None))
        except EvalsuiteError as error:
            _see_device(engine, error)
            logging.getLogger(__name__).error("%s", traceback.format_exc())
            record = failed_record(*of, error.line, error.exit_code, self._hardware(None))
        except Exception as error:  # noqa: BLE001 - one task's defect must not end the others
            _see_device(engine, error)
            logging.getLogger(__name__).error("%s", traceback.format_exc())
            reason = f"{type(error).__name__}: {error}; see {self.spec.log}"
            record = failed_record(*of, " ".join(reason.split()), gpu=self._hardware(None))
        written = self.store.put(self.store.after_earlier(record), samples, texts)
        if record.status == "scored":
            self.store.finish_job(ref, key)
        self.emit(
            events.JobEnded(
                job=key, status=record.status, record=str(written), reason=record.reason
            )
        )

    def _hardware(self, engine: Engine | None) -> dict[str, str]:
        """What records keep of the GPU, and of how an engine that finished a job uses it."""
        facts = self.spec.options.gpu_facts
        return facts | engine.details() if facts and isinstance(engine, Detailed) else facts

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

    def _context(self, job: JobSpec) -> Context:
        def progress(done: int, total: int, unit: str) -> None:
            self.emit(events.JobProgress(job=job.key, done=done, total=total, unit=unit))

        checkpoint = self.spec.checkpoint
        workdir = self.store.job_folder(checkpoint.ref, job.key)
        context = context_of(checkpoint, job, self.spec.options, workdir, progress)
        return replace(context, vectors=self._vectors())

    def _vectors(self) -> VectorFiles | None:
        """The cache of vectors that all jobs with equal embedding settings share."""
        checkpoint, options = self.spec.checkpoint, self.spec.options
        if checkpoint.embedding is None or self.spec.needs != "encoder":
            return None
        return shared_vectors(
            checkpoint.fingerprint,
            checkpoint.embedding.facts | checkpoint.changes,
            engine=engine_version(checkpoint.embedding.engine),
            device=options.hardware,
            precision=options.embedding_dtype,
            read=not options.fresh,
        )

    def _evaluate(self, job: JobSpec, engine: Engine) -> Evaluation | None:
        """Do a stage of a job; the last one returns its evaluation."""
        remote = engine if isinstance(engine, RemoteEngine) else None
        before = _spent(remote)
        stopping = self.spec.options.stopping
        if stopping and (red := stopping.ended_by()):
            raise TaskSkipped(f"not run: {red} is a regression, which ended the check")
        context = self._context(job)
        evaluation = kind_of(job.task).run(job.to_do.name, job.task, engine, context)
        if evaluation is None or remote is None:
            return evaluation
        # An engine that serves several jobs at once measures the time that it spends on each.
        spent = [after - earlier for after, earlier in zip(_spent(remote), before, strict=True)]
        seconds, tokens = spent[0], (int(spent[1]), int(spent[2]))
        return replace(evaluation, engine_seconds=seconds, tokens=tokens if any(tokens) else None)


def _spent(remote: RemoteEngine | None) -> tuple[float, int, int]:
    """Seconds, tokens read and tokens written of an engine so far."""
    if remote is None:
        return 0.0, 0, 0
    return remote.seconds, remote.tokens_read, remote.tokens_written


def _see_device(engine: Engine, error: Exception) -> None:
    """See whether an error broke the GPU's use for an engine of this process.

    Raises:
        DeviceLost: If so.
    """
    if not isinstance(engine, RemoteEngine):
        raise_if_lost(error)
