"""The process that loads one engine and runs a group's jobs with it.

Started as ``python -m evalsuite.run.worker`` with a :class:`WorkerSpec` on standard input.
Events go to standard output, one JSON line each; everything that libraries print goes to the
log file. Records are written here, so that nothing finished depends on the parent.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.base import Encoder, Generator
from evalsuite.engines.cached import CachedModel
from evalsuite.errors import EvalsuiteError, TaskSkipped
from evalsuite.harness.base import Context, Evaluation, ProgressEvent
from evalsuite.harness.judge import JudgeEngine
from evalsuite.redact import RedactingFormatter
from evalsuite.registry.models import Instruction, Task
from evalsuite.run import events
from evalsuite.run.plan import RunOptions, Stage, find_stored, is_second_stage
from evalsuite.run.records import failed_record, scored_record, skipped_record
from evalsuite.schema import Frozen, Signature, World
from evalsuite.store import Store


class JobSpec(Frozen):
    """One job as it is handed to a worker."""

    task: Task
    signature: Signature
    instruction: Instruction | None


class WorkerSpec(Frozen):
    """All that a worker is told."""

    checkpoint: Checkpoint
    world: World
    jobs: tuple[JobSpec, ...]
    options: RunOptions
    store: Path
    log: Path
    stage: Stage = "evaluate"
    judge: Checkpoint | None = None
    """The judge's checkpoint; ``None`` for an endpoint."""
    cached: bool = False
    """Whether the engine embeds and generates from caches."""


Engine = Encoder | Generator | JudgeEngine | CachedModel


@dataclass(slots=True)
class Worker:
    """Runs the jobs of one group, one after the other."""

    spec: WorkerSpec
    emit: Callable[[events.Event], None]

    def run(self) -> None:
        """Load the engine, then do each job; a failed job does not end the group."""
        store = Store(self.spec.store)
        jobs = self._unanswered(list(enumerate(self.spec.jobs)), store)
        if not jobs:
            return
        started = time.perf_counter()
        try:
            engine = self._load_engine()
        except EvalsuiteError as error:
            self.emit(events.EngineFailed(reason=error.line))
            return
        seconds = time.perf_counter() - started
        self.emit(events.EngineReady(engine=engine.version, seconds=seconds))
        try:
            waiting = self._pass(jobs, engine, store, wait=False)
            self._pass(waiting, engine, store, wait=True)
        finally:
            engine.close()

    def _unanswered(
        self, jobs: list[tuple[int, JobSpec]], store: Store
    ) -> list[tuple[int, JobSpec]]:
        """The jobs that need the engine: not those that wait for their second stage alone."""
        if self.spec.stage == "judge" or self.spec.options.fresh:
            return jobs
        left = []
        for index, job in jobs:
            staged = job.task.judged or job.task.retrieves
            # Only for these: a context makes the job's folder.
            if (
                staged
                and not self._second(job)
                and _first_stage_done(job.task, self._context(index, job, store))
            ):
                self.emit(events.JobEnded(index=index, status="answered", record=None))
            else:
                left.append((index, job))
        return left

    def _second(self, job: JobSpec) -> bool:
        """Whether this worker does the second of a job's two stages."""
        return is_second_stage(job.task, self.spec.world, self.spec.stage)

    def _pass(
        self, jobs: list[tuple[int, JobSpec]], engine: Engine, store: Store, *, wait: bool
    ) -> list[tuple[int, JobSpec]]:
        """Do the jobs that no other run holds; return the others (none, with ``wait``)."""
        from filelock import Timeout

        held_elsewhere: list[tuple[int, JobSpec]] = []
        for index, job in jobs:
            lock = store.job_lock(self.spec.checkpoint.ref, job.signature.plan_key)
            if wait:
                self.emit(events.JobWaiting(index=index))
            try:
                with lock.acquire(timeout=-1 if wait else 0):
                    self._job(index, job, engine, store)
            except Timeout:
                held_elsewhere.append((index, job))
        return held_elsewhere

    def _job(self, index: int, job: JobSpec, engine: Engine, store: Store) -> None:
        self.emit(events.JobStarted(index=index))
        ref, key = self.spec.checkpoint.ref, job.signature.plan_key
        if self._finished_meanwhile(job, store):
            store.finish_job(ref, key)  # the lock that was just taken has made its file again
            self.emit(events.JobEnded(index=index, status="scored", record=None, by_other_run=True))
            return
        if self.spec.options.fresh and not self._second(job):
            store.drop_job_folder(ref, key)
        started = time.perf_counter()
        samples = None
        try:
            evaluation = self._evaluate(index, job, engine, store)
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
        written = store.put(store.after_earlier(record), samples)
        if record.status == "scored":
            store.finish_job(ref, key)
        self.emit(
            events.JobEnded(
                index=index, status=record.status, record=str(written), reason=record.reason
            )
        )

    def _finished_meanwhile(self, job: JobSpec, store: Store) -> bool:
        options = self.spec.options
        if options.fresh:
            return False
        stored = find_stored(
            self.spec.checkpoint.fingerprint, job.task, job.signature, options, store
        )
        return stored is not None

    def _context(self, index: int, job: JobSpec, store: Store) -> Context:
        def progress(done: int, total: int, unit: str) -> None:
            self.emit(events.JobProgress(index=index, done=done, total=total, unit=unit))

        checkpoint = self.spec.checkpoint
        workdir = store.job_folder(checkpoint.ref, job.signature.plan_key)
        context = context_of(
            checkpoint, job.task, job.instruction, self.spec.options, workdir, progress
        )
        return replace(context, judge_checkpoint=self.spec.judge)

    def _evaluate(
        self, index: int, job: JobSpec, engine: Engine, store: Store
    ) -> Evaluation | None:
        """Evaluate a job, or (``None``) do its first stage."""
        from evalsuite.registry import dispatch

        task, context = job.task, self._context(index, job, store)
        if isinstance(engine, CachedModel):
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

    def _load_engine(self) -> Engine:
        checkpoint, options = self.spec.checkpoint, self.spec.options
        if self.spec.stage == "judge":
            from evalsuite.harness.judge import load_judge

            assert options.judge is not None
            return load_judge(
                options.judge,
                self.spec.judge,
                engine=options.engine,
                device=options.device,
                dtype=options.dtype,
            )
        first = self.spec.jobs[0].signature
        if self.spec.cached:
            return CachedModel(
                checkpoint,
                device=options.device,
                dtype=options.dtype,
                embed_length=options.embed_length,
            )
        if self.spec.world == "embedding":
            from evalsuite.engines.encoders import load_encoder

            return load_encoder(checkpoint, device=options.device, dtype=options.dtype)
        from evalsuite.engines.generators import load_generator

        return load_generator(
            checkpoint,
            engine=options.engine,
            device=options.device,
            dtype=options.dtype,
            max_length=first.max_length,
        )


def _first_stage_done(task: Task, context: Context) -> bool:
    """Whether an earlier run has left what the second stage needs."""
    from evalsuite.registry import dispatch

    if task.retrieves:
        return dispatch.retrieving_harness(task).retrieved(task, context)
    return task.judged and dispatch.judged_harness(task).answered(task, context)


def context_of(
    checkpoint: Checkpoint,
    task: Task,
    instruction: Instruction | None,
    options: RunOptions,
    workdir: Path,
    progress: ProgressEvent | None = None,
) -> Context:
    """What a harness is told besides the task and the engine."""
    limits = [limit for limit in (task.limit, options.limit) if limit is not None]
    context = Context(
        checkpoint=checkpoint,
        workdir=workdir,
        instruction=instruction,
        data_root=options.data_root,
        limit=min(limits, default=None),
        seed=options.seed,
        shots=task.shots,
        judge=options.judge,
        retriever=options.retriever,
        embed_length=options.embed_length,
    )
    return replace(context, progress=progress) if progress else context


def main() -> int:
    """Read the spec, put the output where it belongs, and run."""
    spec = WorkerSpec.model_validate_json(sys.stdin.buffer.read())
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    _redirect_output(spec.log)
    _die_with_parent(channel)
    set_library_environment(offline=spec.options.data_root is not None)

    def emit(event: events.Event) -> None:
        channel.write(event.model_dump_json() + "\n")
        channel.flush()

    try:
        Worker(spec, emit).run()
    except EvalsuiteError as error:
        emit(events.EngineFailed(reason=error.line))
        return int(error.exit_code)
    except BrokenPipeError:
        return 1  # the parent is gone
    # Engines leave threads and native handles behind whose teardown can hang or crash; all
    # that matters is on the disk by now.
    channel.close()
    os._exit(0)


def _redirect_output(log: Path) -> None:
    """Send standard output and error, of native code too, to the log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(handle, stream.fileno())
    os.close(handle)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(RedactingFormatter(logging.BASIC_FORMAT))


def _die_with_parent(channel: TextIO) -> None:
    """Ask Linux to end this process when the parent dies, so that no engine is left behind."""
    if sys.platform != "linux":
        return
    import ctypes
    import select
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    # It may have died before it was asked for: nobody reads the channel then.
    poll = select.poll()
    poll.register(channel, 0)
    if poll.poll(0):
        os._exit(1)


def set_library_environment(*, offline: bool) -> None:
    """Set what libraries read from the environment; before any of them is imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["HF_DATASETS_OFFLINE"] = "1"
        os.environ["TRANSFORMERS_OFFLINE"] = "1"


if __name__ == "__main__":
    sys.exit(main())
