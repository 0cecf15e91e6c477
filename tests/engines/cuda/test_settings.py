"""What is set for a GPU before a model is loaded, and how large the model will be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from evalsuite.engines.cuda.gpu import GIB
from evalsuite.engines.cuda.placing import straight_to, to_device
from evalsuite.engines.cuda.settings import (
    TF32_OVERRIDE,
    TRITON_FLOAT32,
    settle_torch,
    weight_bytes,
)
from evalsuite.engines.load import load_encoder, load_generator, load_unified
from evalsuite.errors import EngineError, UsageError
from evalsuite.run.workers.process import processors, set_library_environment
from helpers.gpus import FAKE, pretend, survey
from helpers.tiny_encoders import checkpoint, save_model


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(TF32_OVERRIDE, raising=False)
    monkeypatch.setenv(TRITON_FLOAT32, "tf32")  # so that it is restored
    tf32, cudnn = torch.backends.cudnn.allow_tf32, torch.backends.cuda.cudnn_sdp_enabled()
    precision = torch.get_float32_matmul_precision()
    yield
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.enable_cudnn_sdp(cudnn)
    torch.set_float32_matmul_precision(precision)


def test_float32_is_float32_in_torch_and_in_triton() -> None:
    torch.set_float32_matmul_precision("high")
    settle_torch("float32")
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert os.environ[TRITON_FLOAT32] == "ieee"


def test_other_precisions_leave_products_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TF32_OVERRIDE, "1")
    settle_torch("bfloat16")
    assert os.environ[TRITON_FLOAT32] == "tf32"


def test_the_attention_that_plans_anew_for_each_shape_is_off() -> None:
    torch.backends.cuda.enable_cudnn_sdp(True)
    settle_torch("bfloat16")
    assert not torch.backends.cuda.cudnn_sdp_enabled()


def test_an_environment_that_forbids_float32_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TF32_OVERRIDE, "1")
    with pytest.raises(UsageError, match=r"OVERRIDE is set: .* rounded to TF32; unset TORCH_ALLOW"):
        settle_torch("float32")


def test_the_bytes_of_weights_are_those_in_memory(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    tensors = {"a": torch.zeros(10, 3), "b": torch.zeros(7, dtype=torch.bfloat16)}
    save_file(
        tensors | {"packed": torch.zeros(5, dtype=torch.int32)}, tmp_path / "model.safetensors"
    )
    save_file(tensors, tmp_path / "consolidated.safetensors")  # which no engine loads
    assert weight_bytes(tmp_path, "bfloat16") == 37 * 2 + 20
    assert weight_bytes(tmp_path, "float32") == 37 * 4 + 20


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = checkpoint(save_model(tmp_path, "llama"), instructions="none")
    (tmp_path / "config.json").write_text("{}")  # which nothing could be loaded with
    taken = FAKE.model_copy(update={"free": GIB // 2})
    pretend(monkeypatch, survey(gpu=taken))
    for load in (load_encoder, load_unified, partial(load_generator, engine="transformers")):
        with pytest.raises(EngineError, match=r"tiny needs at least 1.0 GiB of GPU .* 0.5"):
            load(tiny, device="cuda")


def test_weights_go_to_a_gpu_at_once_and_stay_where_they_are_on_a_cpu() -> None:
    assert straight_to("cpu") == {}
    assert straight_to("cuda") == {"device_map": {"": "cuda:0"}}
    ids = torch.zeros(3)
    assert to_device(ids, "cpu") is ids


def test_tokenizers_use_all_cores_beside_a_gpu_alone() -> None:
    code = (
        "import os\n"
        "from evalsuite.run.workers.process import set_library_environment\n"
        "set_library_environment(offline=False, parallel_tokenizers={})\n"
        "print(os.environ['TOKENIZERS_PARALLELISM'])"
    )
    clean = {key: value for key, value in os.environ.items() if "TOKENIZERS" not in key}
    for parallel in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", code.format(parallel)],
            env=clean,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == str(parallel).lower()


@pytest.mark.parametrize("invariant", [True, False])
def test_signatures_decide_what_vllm_reads_from_the_environment(
    invariant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", str(int(not invariant)))
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    set_library_environment(offline=False, batch_invariant=invariant)
    assert os.environ["VLLM_BATCH_INVARIANT"] == str(int(invariant))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processor affinity here")
def test_the_processors_are_those_that_the_process_may_use() -> None:
    one = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, [{one}])\n"
        "from evalsuite.run.workers.process import processors\n"
        "print(processors())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processor affinity here")
def test_a_container_that_may_use_part_of_the_time_has_fewer_processors(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    every = processors(quota)
    assert every == len(os.sched_getaffinity(0)), "there is no such file"
    for said, expected in (
        ("max 100000", every),
        ("100000 100000", 1),
        ("20000 100000", 1),
        ("900000000 100000", every),
        ("not a number", every),
    ):
        quota.write_text(f"{said}\n")
        assert processors(quota) == expected, said
