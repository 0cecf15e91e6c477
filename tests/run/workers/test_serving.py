"""Jobs that other processes do with this one's engine: real processes, a tiny real model."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.batched_encoder import BatchedEncoder, PreparedTexts
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder, Progress, Vectors
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers import events
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.serving import TRIES, Serving
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.serving import Heard, children, end_of_children, keys
from helpers.tiny_encoders import checkpoint, save_model

pytestmark = pytest.mark.e2e

TASKS = ("smoke-sts", "smoke-reranking", "smoke-pair-classification")
OPTIONS = RunOptions(device="cpu", dtype="float32", limit=6)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = save_model(tmp_path_factory.mktemp("model"), "llama")
    return checkpoint(path, instructions="none", max_length=256)


@pytest.fixture(scope="module")
def encoder(tiny: Checkpoint) -> Encoder:
    return load_encoder(tiny, device="cpu", dtype="float32")


def runner(
    tiny: Checkpoint, folder: Path, heard: Heard, tasks: tuple[str, ...] = TASKS
) -> JobRunner:
    registry = Registry.load()
    store = Store(folder)
    plan = make_plan((tiny,), [registry.task(name) for name in tasks], OPTIONS, registry, store)
    [group] = plan.groups
    spec = WorkerSpec.of(group, plan.options, folder, folder / "log")
    return JobRunner(spec, store, heard)


def said(records: list[Record]) -> dict[str, tuple[float | None, dict[str, float]]]:
    return {record.signature.task: (record.score, record.metrics) for record in records}


def kill_children() -> None:
    for pid in children():
        os.kill(pid, signal.SIGKILL)


def test_scores_are_those_of_one_process_though_all_are_killed_once(
    tiny: Checkpoint, encoder: Encoder, tmp_path: Path
) -> None:
    """Killed within the second job: other processes do it again, and what is left."""
    killed = []

    def then(event: events.Event) -> None:
        if isinstance(event, events.JobStarted) and event.job == keys(jobs)[1] and not killed:
            killed.append(event)
            kill_children()

    heard = Heard(then=then)
    jobs = runner(tiny, tmp_path / "served", heard)
    Serving(jobs, keys(jobs)).serve(encoder)
    assert killed
    assert heard.ended() == dict.fromkeys(keys(jobs), "scored")
    assert end_of_children()

    alone = runner(tiny, tmp_path / "alone", Heard())
    alone.run(keys(alone), encoder)
    assert said(jobs.store.records()) == said(alone.store.records())
    assert len(said(jobs.store.records())) == len(TASKS)


def test_a_job_that_kills_its_process_fails_and_the_others_go_on(
    tiny: Checkpoint, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []
    embedded: list[int] = []
    assert isinstance(encoder, BatchedEncoder)
    embed = encoder.embed

    def counted(prepared: PreparedTexts, progress: Progress | None = None) -> Vectors:
        embedded.extend(prepared.lengths)
        return embed(prepared, progress)

    monkeypatch.setattr(encoder, "embed", counted)

    def then(event: events.Event) -> None:
        if isinstance(event, events.JobStarted) and event.job == keys(jobs)[0]:
            times.append(0)
            kill_children()

    heard = Heard(then=then)
    jobs = runner(tiny, tmp_path, heard, TASKS[:2])
    Serving(jobs, keys(jobs)).serve(encoder)
    assert [heard.ended()[key] for key in keys(jobs)] == ["failed", "scored"]
    assert len(times) == TRIES
    [failed] = [record for record in jobs.store.records() if record.status == "failed"]
    assert "ended by SIGKILL, twice" in (failed.reason or "")
    [scored] = [record for record in jobs.store.records() if record.status == "scored"]
    assert scored.timings is not None
    assert (scored.timings.tokens_read, scored.timings.tokens_written) == (sum(embedded), 0)
    assert sum(embedded) > 1000


def test_what_another_run_holds_comes_last(
    tiny: Checkpoint, encoder: Encoder, tmp_path: Path
) -> None:
    heard = Heard()
    jobs = runner(tiny, tmp_path, heard, TASKS[:2])
    lock = jobs.store.job_lock(tiny.ref, jobs.spec.jobs[0].signature.plan_key)
    taken = threading.Event()

    def other_run() -> None:  # all in one thread: a lock belongs to who took it
        deadline = time.monotonic() + 60
        with lock:
            taken.set()
            while keys(jobs)[1] not in heard.ended() and time.monotonic() < deadline:
                time.sleep(0.05)

    thread = threading.Thread(target=other_run)
    thread.start()
    assert taken.wait(10)
    Serving(jobs, keys(jobs)).serve(encoder)
    thread.join()
    assert list(heard.ended()) == keys(jobs)[::-1]
    assert events.JobWaiting(job=keys(jobs)[0]) in heard.events


def test_an_error_of_the_engine_fails_the_job_with_its_line(
    tiny: Checkpoint, tmp_path: Path
) -> None:
    closed = load_encoder(tiny, device="cpu", dtype="float32", weights=False)
    heard = Heard()
    jobs = runner(tiny, tmp_path, heard, TASKS[:1])
    Serving(jobs, keys(jobs)).serve(closed)
    [record] = jobs.store.records()
    assert record.status == "failed"
    assert record.reason == "this encoder has no weights loaded; load it with weights=True"


def test_without_an_engine_no_process_stays(tiny: Checkpoint, tmp_path: Path) -> None:
    jobs = runner(tiny, tmp_path, Heard(), TASKS[:1])
    serving = Serving(jobs, keys(jobs))
    assert children()
    serving.abandon()
    assert end_of_children()
