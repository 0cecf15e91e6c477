"""A process that does jobs with an engine that another process has.

Started as ``python -m evalsuite.run.workers.harness_process FD`` by
:mod:`evalsuite.run.workers.serving`; the descriptor is a socket to the engine's process, which
names one job after the other. Records are written here.
"""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection
from typing import NoReturn

from evalsuite.engines.load import wave_of
from evalsuite.engines.remote import RemoteEncoder, RemoteGenerator
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.process import (
    configure_logging,
    die_with_parent,
    set_library_environment,
)
from evalsuite.run.workers.spec import Do, Free, WorkerSpec
from evalsuite.store import Store

NICENESS = 5
"""The engine comes first where there are fewer processors than processes."""


def main() -> NoReturn:
    """Do jobs until the engine's process has no more, or is gone."""
    channel = Connection(int(sys.argv[1]))
    die_with_parent(channel.fileno())
    os.nice(NICENESS)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the engine's
    configure_logging()
    spec: WorkerSpec = channel.recv()
    set_library_environment(offline=spec.options.data_root is not None)

    engine = _engine(spec, channel)
    runner = JobRunner(spec, Store(spec.store), engine.send)
    try:
        _serve(runner, engine)
    except SystemExit:
        os._exit(1)
    # All that matters is on the disk; the teardown of libraries can hang.
    os._exit(0)


def _engine(spec: WorkerSpec, channel: Connection) -> RemoteEncoder | RemoteGenerator:
    signature = spec.jobs[0].signature
    if spec.needs == "encoder":
        return RemoteEncoder(channel, signature.engine)
    assert signature.max_length is not None
    wave = wave_of(spec.options.generator, spec.options.device)
    return RemoteGenerator(channel, signature.engine, max_length=signature.max_length, wave=wave)


def _serve(runner: JobRunner, engine: RemoteEncoder | RemoteGenerator) -> None:
    while True:
        match engine.receive():
            case Do(job=job, wait=wait):
                engine.send(Free(held=not runner.attempt(job, engine, wait=wait)))
            case None:
                return
            case _:
                pass  # what an earlier job asked for and no longer wanted


if __name__ == "__main__":
    main()
