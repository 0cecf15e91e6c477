"""Jobs of a run on a GPU: real harness processes and a tiny real model; the GPU alone is made up.

The model runs on this machine's CPU. What is looked at is what the other processes say of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.cuda.lost import DeviceLost
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder, Progress, Rendered, Vectors
from evalsuite.engines.vectors.shared import shared_vectors
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.registry.load import Registry
from evalsuite.run.options import Resolved, RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers import events, worker
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.serving import Serving
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.store import Store
from helpers.gpus import FAKE, pretend, survey
from helpers.serving import Heard, end_of_children, keys
from helpers.tiny_encoders import checkpoint, save_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = save_model(tmp_path_factory.mktemp("model"), "llama")
    return checkpoint(path, instructions="none", max_length=256)


def runner(
    tiny: Checkpoint,
    folder: Path,
    heard: Heard,
    options: RunOptions,
    tasks: Sequence[str] = ("smoke-sts",),
) -> JobRunner:
    registry = Registry.load()
    store = Store(folder)
    plan = make_plan((tiny,), [registry.task(name) for name in tasks], options, registry, store)
    [group] = plan.groups
    return JobRunner(WorkerSpec.of(group, plan.options, folder, folder / "log"), store, heard)


def vectors(tiny: Checkpoint, options: Resolved, version: str) -> VectorFiles:
    assert tiny.embedding is not None
    return shared_vectors(
        tiny.fingerprint,
        tiny.embedding.facts | tiny.changes,
        engine=version,
        device=options.hardware,
        precision=options.embedding_dtype,
    )


@pytest.mark.e2e
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_process_that_sees_no_gpu_records_the_one_of_the_run(
    device: str, tiny: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, survey())
    options = RunOptions(device=device, limit=6)
    heard = Heard()
    jobs = runner(tiny, tmp_path / "store", heard, options)
    encoder = load_encoder(tiny, device="cpu", dtype="float32")
    Serving(jobs, keys(jobs)).serve(encoder)

    assert heard.ended() == dict.fromkeys(keys(jobs), "scored")
    [record] = jobs.store.records()
    assert (record.signature.device, record.signature.dtype) == ("cuda", "bfloat16")
    assert record.environment["gpu"] == "NVIDIA H200"
    assert record.environment["gpu_capability"] == "9.0"
    assert record.environment["gpu_driver"] == "580.95.05"

    used = vectors(tiny, jobs.spec.options, encoder.version).folder
    assert list(used.iterdir()), "the vectors lie where those of this GPU belong"
    cpu = Resolved(device="cpu", embedding_dtype="bfloat16")
    other = jobs.spec.options.model_copy(update={"gpu": FAKE.model_copy(update={"name": "L4"})})
    elsewhere = {vectors(tiny, at, encoder.version).folder for at in (cpu, other)}
    assert len(elsewhere | {used}) == 3
    assert not any(folder.exists() for folder in elsewhere)


def test_a_cpu_record_says_what_it_always_said(tiny: Checkpoint, tmp_path: Path) -> None:
    jobs = runner(tiny, tmp_path, Heard(), RunOptions(device="cpu", dtype="float32", limit=6))
    jobs.fail(keys(jobs)[0], "why")
    [record] = jobs.store.records()
    assert list(record.environment) == ["python", "platform", "cpus", "gpu", "packages"]
    assert record.environment["gpu"] is None


class Broken:
    """An encoder whose GPU has failed; ``error`` is what torch says then."""

    version = "transformers 0"

    def __init__(self, error: str) -> None:
        self.error = error
        self.closed = False

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        raise RuntimeError(self.error)

    def render(self, text: str, prefix: str = "") -> Rendered:
        return Rendered(text, (1, 2))

    def close(self) -> None:
        self.closed = True


TASKS = ("smoke-sts", "smoke-pair-classification")


def test_a_broken_context_is_not_the_failure_of_every_job(tiny: Checkpoint, tmp_path: Path) -> None:
    options = RunOptions(device="cpu", dtype="float32", limit=6)
    heard = Heard()
    jobs = runner(tiny, tmp_path, heard, options, TASKS)
    engine = Broken("CUDA error: device-side assert triggered")
    assert isinstance(engine, Encoder)
    with pytest.raises(DeviceLost, match="device-side assert"):
        jobs.run(keys(jobs), engine)
    assert heard.ended() == {}
    assert jobs.store.records() == []


@pytest.mark.parametrize(
    "error",
    ["CUDA out of memory", "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `f`", "a defect"],
)
def test_other_errors_fail_their_job_alone(error: str, tiny: Checkpoint, tmp_path: Path) -> None:
    options = RunOptions(device="cpu", dtype="float32", limit=6)
    heard = Heard()
    jobs = runner(tiny, tmp_path, heard, options, TASKS)
    jobs.run(keys(jobs), Broken(error))
    assert heard.ended() == dict.fromkeys(keys(jobs), "failed")


class Ended(BaseException):
    """In the place of the end of the process."""


@pytest.mark.e2e
def test_the_engines_process_says_why_and_ends_at_once(
    tiny: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    jobs = runner(tiny, tmp_path, heard, RunOptions(device="cpu", dtype="float32", limit=6), TASKS)
    engine = Broken("CUDA error: an illegal memory access was encountered\nCompile with …")
    codes: list[int] = []

    def end(code: int) -> NoReturn:
        codes.append(code)
        assert not engine.closed, "freeing a model in a broken context fails or hangs"
        raise Ended

    begun: list[Serving] = []

    class Begun(Serving):
        def __init__(self, runner: JobRunner, keys: Sequence[str], **more: Any) -> None:
            super().__init__(runner, keys, **more)
            begun.append(self)

    monkeypatch.setattr(worker, "load_engine", lambda _: engine)
    monkeypatch.setattr(worker, "Serving", Begun)
    monkeypatch.setattr(worker.os, "_exit", end)
    with pytest.raises(Ended):
        worker.Worker(jobs.spec, heard).run()
    # These end with the engine's process; here it goes on.
    [serving] = begun
    serving.abandon()
    assert end_of_children()
    assert codes == [70]
    [failed] = [event for event in heard.events if isinstance(event, events.EngineFailed)]
    assert failed.reason == (
        "the GPU cannot be used any more by this process: "
        "CUDA error: an illegal memory access was encountered"
    )
    assert jobs.store.records() == []
