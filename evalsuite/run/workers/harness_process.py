"""A process that does jobs with an engine that another process has.

A copy of a process that has imported the libraries of the harness
(:mod:`evalsuite.run.workers.warm_process`), started by :mod:`evalsuite.run.workers.serving`. The
engine's process names one job after the other. Records are written here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NoReturn

from evalsuite.engines.load import wave_of
from evalsuite.engines.remote import RemoteEncoder, RemoteGenerator
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.spec import Do, Free, WorkerSpec
from evalsuite.store import Store


def be_copy(handles: Sequence[int]) -> NoReturn:
    """Do jobs until the engine's process has no more, or is gone.

    Args:
        handles: The descriptor of a socket to the engine's process.
    """
    channel = Connection(handles[0])
    spec: WorkerSpec = channel.recv()
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
