"""The process that loads one engine, for a group's jobs.

Started as ``python -m evalsuite.run.workers.worker`` or as a copy of a warm process
(:mod:`evalsuite.run.workers.starting`), with a :class:`WorkerSpec` on standard input.
Events go to standard output, one JSON line each; everything that libraries print goes to the
log file. Records are written here and in the processes of :mod:`evalsuite.run.workers.serving`, so
that nothing finished depends on the parent.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Final, NoReturn

from evalsuite.engines.cuda.lost import DeviceLost
from evalsuite.engines.protocols import Encoder, Generator
from evalsuite.errors import EvalsuiteError, ExitCode
from evalsuite.run.workers import events
from evalsuite.run.workers.jobs import Engine, JobRunner
from evalsuite.run.workers.process import (
    configure_logging,
    die_with_parent,
    redirect_output,
    set_library_environment,
)
from evalsuite.run.workers.serving import Serving
from evalsuite.run.workers.spec import JobSpec, WorkerSpec
from evalsuite.run.workers.starting import ENGINES
from evalsuite.store import Store

WEIGHTS: Final = (".safetensors", ".bin", ".pt")
"""How files of weights end."""


@dataclass(slots=True)
class Worker:
    """Does the jobs of one group; a failed job does not end the group."""

    spec: WorkerSpec
    emit: Callable[[events.Event], None]
    warm: bool = False
    """Whether this process is a copy of one that had imported all libraries."""

    def run(self) -> None:
        """Load the engine, then do each job.

        A job that needs nothing but calls of one engine is done by another process, so that
        scoring one goes on while the engine works for the next.
        """
        runner = JobRunner(self.spec, Store(self.spec.store), self.emit)
        todo = [job for job in self.spec.jobs if not self._passed(job, runner)]
        if not todo:
            return
        apart = [job.key for job in todo if job.to_do.apart]
        serving = Serving(runner, apart, warm=self.warm) if apart else None
        started = time.perf_counter()
        try:
            self._say_loading()
            engine = load_engine(self.spec)
        except DeviceLost as lost:
            self._end(lost)
        except EvalsuiteError as error:
            if serving is not None:
                serving.abandon()
            self.emit(events.EngineFailed(reason=error.line))
            return
        seconds = time.perf_counter() - started
        self.emit(events.EngineReady(engine=engine.version, seconds=seconds))
        try:
            if serving is not None:
                assert isinstance(engine, Encoder | Generator)
                serving.serve(engine)
            runner.run([job.key for job in todo if not job.to_do.apart], engine)
        except DeviceLost as lost:
            self._end(lost)
        finally:
            engine.close()

    def _say_loading(self) -> None:
        """Import what the engine needs, and say that it is loaded now.

        vLLM imports its libraries itself, once its environment is set.
        """
        imported, started = None, time.perf_counter()
        if not self.spec.uses_vllm:
            for name in ENGINES[self.spec.needs]:
                with suppress(ImportError):  # loading says why
                    import_module(name)
            imported = time.perf_counter() - started
        self.emit(events.EngineLoading(imported=imported, doing=what_is_loaded(self.spec)))

    def _end(self, lost: DeviceLost) -> NoReturn:
        """End the process at once: on a broken CUDA context, freeing a model fails or hangs.

        The parent blames the job that the engine was at, and starts a new worker for the others.
        """
        self.emit(events.EngineFailed(reason=" ".join(str(lost).split())))
        os._exit(ExitCode.INTERNAL)

    def _passed(self, job: JobSpec, runner: JobRunner) -> bool:
        """Whether a job needs no engine, since an earlier run has done this stage."""
        if not runner.stage_done(job):
            return False
        self.emit(events.StageEnded(job=job.key))
        return True


def what_is_loaded(spec: WorkerSpec) -> str:
    """What a worker does while its engine loads, in words."""
    judge = spec.options.judge_checkpoint
    if spec.needs == "judge" and judge is None:
        return "asking for the judge"
    folder = (judge if spec.needs == "judge" and judge else spec.checkpoint).path
    files = (file for suffix in WEIGHTS for file in folder.glob(f"*{suffix}"))
    weights = f"{sum(file.stat().st_size for file in files) / 1e6:,.0f} MB of weights"
    return f"starting vLLM with {weights}" if spec.uses_vllm else f"loading {weights}"


def load_engine(spec: WorkerSpec) -> Engine:
    """Load what all jobs of a list need.

    Raises:
        EvalsuiteError: If it cannot be loaded.
    """
    checkpoint, options = spec.checkpoint, spec.options
    match spec.needs:
        case "judge":
            from evalsuite.judging.load import load_judge

            assert options.judge is not None
            return load_judge(
                options.judge,
                options.judge_checkpoint,
                engine=options.generator,
                device=options.device,
                dtype=options.generative_dtype,
                gpu_memory=options.gpu_memory,
                tensor_parallel=options.tensor_parallel,
            )
        case "unified":
            from evalsuite.engines.load import load_unified

            return load_unified(
                checkpoint,
                device=options.device,
                dtype=options.generative_dtype,
                embed_length=options.embed_length,
            )
        case "encoder":
            from evalsuite.engines.load import load_encoder

            return load_encoder(
                checkpoint,
                device=options.device,
                dtype=options.embedding_dtype,
                gpu_memory=options.gpu_memory,
                tensor_parallel=options.tensor_parallel,
            )
        case "generator":
            from evalsuite.engines.load import load_generator

            return load_generator(
                checkpoint,
                engine=options.generator,
                device=options.device,
                dtype=options.generative_dtype,
                max_length=spec.jobs[0].signature.max_length,
                prefix_caching=options.prefix_caching,
                gpu_memory=options.gpu_memory,
                tensor_parallel=options.tensor_parallel,
            )


def be_copy(handles: Sequence[int]) -> NoReturn:
    """Be a worker in a copy of a warm process.

    Args:
        handles: Descriptors for standard input, output and error.
    """
    for standard, handle in enumerate(handles):
        os.dup2(handle, standard)
        os.close(handle)
    os._exit(main(warm=True))


def main(*, warm: bool = False) -> int:
    """Read the spec, put the output where it belongs, and run.

    Args:
        warm: Whether this process is a copy of one that had imported all libraries.
    """
    spec = WorkerSpec.model_validate_json(sys.stdin.buffer.read())
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    redirect_output(spec.log)
    configure_logging()
    die_with_parent(channel.fileno())
    set_library_environment(
        offline=spec.options.data_root is not None,
        parallel_tokenizers=spec.options.device == "cuda",
        batch_invariant=spec.options.deterministic,
    )
    emitting = threading.Lock()

    def emit(event: events.Event) -> None:
        with emitting:
            channel.write(event.model_dump_json() + "\n")
            channel.flush()

    try:
        Worker(spec, emit, warm).run()
    except EvalsuiteError as error:
        emit(events.EngineFailed(reason=error.line))
        return int(error.exit_code)
    except BrokenPipeError:
        return 1  # the parent is gone
    # Engines leave threads and native handles behind whose teardown can hang or crash; all
    # that matters is on the disk by now.
    channel.close()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
