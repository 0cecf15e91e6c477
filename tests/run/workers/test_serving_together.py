"""Generative jobs in real processes, with one engine that works for all of them at a time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers import events
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.serving import Serving
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.store import Store
from helpers.counting_engine import Counting
from helpers.serving import Heard, children, end_of_children, keys
from helpers.tiny_lm import make_tiny_lm

pytestmark = pytest.mark.e2e

TASKS = ("smoke-arithmetic", "smoke-multiple-choice", "smoke-reading")
OPTIONS = RunOptions(device="cpu", engine="transformers", dtype="float32", limit=3)
PATIENCE = 900
"""Seconds for a process to load lm-eval on a machine with much to do."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("model"), positions=8192)


def runner(tiny: Checkpoint, folder: Path, heard: Heard) -> JobRunner:
    registry, store = Registry.load(), Store(folder)
    plan = make_plan((tiny,), [registry.task(name) for name in TASKS], OPTIONS, registry, store)
    [group] = plan.groups
    # As for vLLM, which need not be installed here.
    options = plan.options.model_copy(update={"generator": "vllm"})
    spec = WorkerSpec.of(group, options, folder, folder / "log")
    return JobRunner(spec, store, heard)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(engine: Counting, heard: Heard, jobs: Serving, calls: int) -> None:
    """Until so many calls have come: those that are there are not answered before."""
    deadline = time.monotonic() + PATIENCE
    while len(engine.opened) + jobs._calls.qsize() < calls:
        assert time.monotonic() < deadline, heard.events
        time.sleep(0.05)


def test_calls_are_ready_before_the_engine_and_are_answered_together(
    tiny: Checkpoint, tmp_path: Path
) -> None:
    heard, engine = Heard(), Counting(size=64)
    jobs = runner(tiny, tmp_path, heard)
    serving = Serving(jobs, keys(jobs))
    wait_for(engine, heard, serving, 3)
    serving.serve(engine)
    assert heard.ended() == dict.fromkeys(keys(jobs), "scored")
    assert sorted(job for job, _ in engine.opened) == [0, 1, 2]
    first, second, third = keys(jobs)
    busy = [event for event in heard.events if isinstance(event, events.EngineBusy)]
    assert events.EngineBusy(job=first, beside=(second, third)) in busy
    assert len({record.signature.task for record in jobs.store.records()}) == len(TASKS)
    assert end_of_children()


def test_a_killed_process_takes_its_requests_along(tiny: Checkpoint, tmp_path: Path) -> None:
    """All are killed while the engine works for two: their jobs are done again."""
    killed: list[int] = []

    def then(step: int) -> None:
        if step == 0:
            killed.extend(children())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            while any(alive(pid) for pid in killed):
                time.sleep(0.01)

    heard, engine = Heard(), Counting(then=then, size=64)
    jobs = runner(tiny, tmp_path, heard)
    serving = Serving(jobs, keys(jobs)[:2])
    wait_for(engine, heard, serving, 2)
    serving.serve(engine)
    assert len(killed) == 3, "the process that they are copies of, and a copy for each job"
    assert heard.ended() == dict.fromkeys(keys(jobs)[:2], "scored")
    assert sorted(job for job, _ in engine.opened) == [0, 0, 1, 1]
    assert engine._inside == {}
