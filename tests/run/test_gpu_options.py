"""The options of a run on a machine with a GPU: chosen once, and said where they are unusual."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalsuite.engines.cuda import survey as gpu_survey
from evalsuite.engines.cuda.gpu import Survey
from evalsuite.engines.protocols import Device
from evalsuite.errors import DataError, UsageError
from evalsuite.registry.load import Registry
from evalsuite.run.options import Resolved, RunOptions, resolve
from evalsuite.run.plan import make_plan
from evalsuite.run.run import execute, store_skips
from evalsuite.run.workers.executor import LocalExecutor
from evalsuite.schema import Signature
from evalsuite.store import Store
from helpers.gpus import FAKE, pretend, survey
from helpers.planned import CHECKPOINT
from helpers.tiny_lm import make_tiny_lm

T4 = FAKE.model_copy(update={"name": "Tesla T4", "capability": (7, 5)})
OLD = survey(driver="470.82.01", gpu=None, problem="driver too old")


def test_all_is_chosen_once_and_survives_the_way_to_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, survey())
    found = resolve(RunOptions())
    assert (found.device, found.gpu) == ("cuda", FAKE)
    assert (found.embedding_dtype, found.generative_dtype) == ("bfloat16", "bfloat16")
    assert (found.notes, found.hardware) == ((), "cuda NVIDIA H200")
    pretend(monkeypatch, Survey(node=False))
    again = Resolved.model_validate_json(found.model_dump_json())
    assert resolve(again) == found


def test_without_a_driver_nothing_is_asked_and_nothing_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(_: int) -> Survey:
        raise AssertionError("torch was asked")

    pretend(monkeypatch, Survey(node=False))
    monkeypatch.setattr(gpu_survey, "survey_apart", never)
    found = resolve(RunOptions())
    assert (found.device, found.gpu, found.notes, found.hardware) == ("cpu", None, (), "cpu")
    assert resolve(RunOptions(device="cpu")).device == "cpu"
    with pytest.raises(UsageError, match=r"--device cuda: no NVIDIA driver.*; pass --device cpu"):
        resolve(RunOptions(device="cuda"))


def test_a_gpu_without_bfloat16_changes_the_precision_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, survey(gpu=T4))
    found = resolve(RunOptions())
    assert (found.embedding_dtype, found.generative_dtype) == ("float32", "float16")
    assert found.notes == (
        "Tesla T4 has no bfloat16: texts are embedded in float32 and generated in float16",
    )
    assert resolve(RunOptions(dtype="float16")).notes == ()


@pytest.mark.parametrize(
    ("device", "found", "says"),
    [
        ("auto", OLD, "--device auto is the CPU: the NVIDIA driver 470.82.01 is too old"),
        ("auto", survey(visible="5", gpu=None), "is the CPU: CUDA_VISIBLE_DEVICES=5 names no GPU"),
        ("auto", survey(built=None, gpu=None), None),  # a torch for CPUs was a choice
        ("cpu", OLD, None),
    ],
)
def test_a_gpu_that_is_passed_over_is_said(
    device: Device, found: Survey, says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, found)
    notes = resolve(RunOptions(device=device)).notes
    assert len(notes) == (says is not None)
    assert says is None or says in notes[0]


def test_a_share_of_memory_is_for_vllm_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, survey())
    assert resolve(RunOptions(gpu_memory=0.4)).gpu_memory == 0.4
    for options in (
        RunOptions(gpu_memory=0.4, engine="transformers"),
        RunOptions(gpu_memory=0.4, device="cpu"),
    ):
        with pytest.raises(UsageError, match=r"--gpu-memory is for vLLM on a GPU.*; leave it"):
            resolve(options)


def test_a_model_is_split_over_gpus_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    other = FAKE.model_copy(update={"free": FAKE.free // 2})
    pretend(monkeypatch, survey(beside=(other,)))
    found = resolve(RunOptions(tensor_parallel=2))
    assert found.gpu == other.model_copy(update={"count": 2})
    assert found.hardware == "cuda NVIDIA H200 × 2"
    with pytest.raises(UsageError, match="--tensor-parallel 4 needs 4 GPUs, and 2 are visible"):
        resolve(RunOptions(tensor_parallel=4))
    for options in (
        RunOptions(tensor_parallel=2, engine="transformers"),
        RunOptions(tensor_parallel=2, device="cpu"),
    ):
        with pytest.raises(UsageError, match=r"--tensor-parallel is for vLLM on a GPU.*; leave"):
            resolve(options)


def test_the_same_bits_in_any_batch_are_asked_of_a_gpu_that_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, survey())
    assert resolve(RunOptions(deterministic=True)).deterministic
    for options in (
        RunOptions(deterministic=True, engine="transformers"),
        RunOptions(deterministic=True, device="cpu"),
    ):
        with pytest.raises(UsageError, match=r"--deterministic is for vLLM on a GPU.*; leave"):
            resolve(options)
    pretend(monkeypatch, survey(gpu=T4))
    with pytest.raises(UsageError, match=r"capability 8\.0 or later; Tesla T4 has 7\.5"):
        resolve(RunOptions(deterministic=True))


def test_a_score_says_that_it_does_not_depend_on_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, survey())
    registry, store = Registry.load(), Store(tmp_path)
    checkpoint = make_tiny_lm(tmp_path / "model")
    tasks = [registry.task("smoke-arithmetic")]

    def signature(**options: Any) -> Signature:
        plan = make_plan((checkpoint,), tasks, RunOptions(**options), registry, store)
        return plan.jobs[0].signature

    same, other = signature(deterministic=True), signature()
    assert "batch-invariant:yes" in same.short()
    assert "batch-invariant" not in other.short()
    assert same.plan_key != other.plan_key


def test_what_ends_while_planning_names_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, survey())
    registry, store = Registry.load(), Store(tmp_path)
    tasks = [registry.task(name) for name in ("AlpacaEval", "smoke-sts")]
    plan = make_plan([CHECKPOINT], tasks, RunOptions(engine="transformers"), registry, store)
    skipped, other = plan.jobs
    assert skipped.skip is not None, "there is no judge"
    plan = replace(plan, jobs=(skipped, replace(other, refused=DataError("row 3"))))
    store.prepare()
    store_skips(plan, store)
    records = [*store.records(), *execute(plan, store, LocalExecutor(), _Silent()).records]
    assert [record.status for record in records].count("failed") == 2
    assert {record.environment["gpu"] for record in records} == {"NVIDIA H200"}


class _Silent:
    """Nothing is run."""

    def group_started(self, group: object) -> None:
        raise AssertionError

    def on_event(self, group: object, event: object) -> None:
        raise AssertionError
