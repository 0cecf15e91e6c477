"""What vLLM is asked for on a GPU, and what becomes of its errors: a recorder in its place."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.cuda.gpu import GIB, Gpu
from evalsuite.engines.cuda.lost import DeviceLost
from evalsuite.engines.vllm.engine import VllmEngine
from evalsuite.errors import EngineError
from helpers.gpus import FAKE
from helpers.tiny_encoders import checkpoint, save_model

LAYER = SimpleNamespace(
    get_attn_backend=lambda: SimpleNamespace(get_name=lambda: "FA"), sliding_window=None
)
WORKER = SimpleNamespace(
    vllm_config=SimpleNamespace(
        compilation_config=SimpleNamespace(
            static_forward_context={"0": LAYER, "experts": SimpleNamespace()}
        )
    )
)
"""One of vLLM's processes. It alone knows the layers, where a model is split."""


class Recorder:
    """In the place of ``vllm.LLM``; steps answer what ``batches`` holds."""

    given: dict[str, Any]
    fails: Exception | None = None

    def __init__(self, path: str, **given: Any) -> None:
        type(self).given = given
        if self.fails is not None:
            raise self.fails
        self.batches: deque[Exception | None] = deque()
        self.llm_engine = SimpleNamespace(
            vllm_config=SimpleNamespace(
                cache_config=SimpleNamespace(enable_prefix_caching=given["enable_prefix_caching"]),
                model_config=SimpleNamespace(max_model_len=given["max_model_len"]),
                compilation_config=SimpleNamespace(static_forward_context={}),
                parallel_config=SimpleNamespace(tensor_parallel_size=given["tensor_parallel_size"]),
                use_v2_model_runner=True,
            ),
            collective_rpc=lambda work: [work(WORKER)] * given["tensor_parallel_size"],
            engine_core=SimpleNamespace(engine_core=SimpleNamespace(batch_queue=self.batches)),
            step=self.step,
        )

    def step(self) -> list[Any]:
        if (error := self.batches.popleft()) is not None:
            raise error
        return []


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    vllm = pytest.importorskip("vllm")
    kind = type("Mine", (Recorder,), {})
    monkeypatch.setattr(vllm, "LLM", kind)
    return kind


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return checkpoint(save_model(tmp_path_factory.mktemp("model"), "llama"))


def load(tiny: Checkpoint, gpu: Gpu = FAKE, **settings: Any) -> VllmEngine:
    return VllmEngine(tiny, gpu, dtype="bfloat16", max_model_len=128, **settings)


def gpu_with(free: float) -> Gpu:
    return FAKE.model_copy(update={"total": 80 * GIB, "free": int(free * GIB)})


def test_a_share_of_what_is_free_is_asked_for(recorder: type[Recorder], tiny: Checkpoint) -> None:
    load(tiny, gpu_with(41))
    assert recorder.given["gpu_memory_utilization"] == 0.5
    assert "kv_cache_memory_bytes" not in recorder.given
    assert recorder.given["enforce_eager"] is False
    load(tiny, gpu_with(41), gpu_memory=0.3, eager=True)
    assert recorder.given["gpu_memory_utilization"] == 0.3
    assert recorder.given["enforce_eager"] is True


def test_a_gpu_that_is_taken_is_said_before_vllm_begins(
    recorder: type[Recorder], tiny: Checkpoint
) -> None:
    recorder.given = {}
    with pytest.raises(EngineError, match=r"needs at least 1.0 GiB .* 0.7 GiB of the 80.0 GiB of"):
        load(tiny, gpu_with(1.8))
    assert recorder.given == {}


def test_what_a_record_keeps_of_the_engine(recorder: type[Recorder], tiny: Checkpoint) -> None:
    assert load(tiny).details() == {"vllm_model_runner": "V2", "vllm_attention": "FA"}
    assert recorder.given["tensor_parallel_size"] == 1


def test_a_model_is_split_over_the_gpus_that_were_chosen(
    recorder: type[Recorder], tiny: Checkpoint
) -> None:
    engine = load(tiny, FAKE.model_copy(update={"count": 4}))
    assert recorder.given["tensor_parallel_size"] == 4
    assert engine.details()["vllm_tensor_parallel"] == "4"
    assert [tuple(layer) for layer in engine.attention()] == [("FA", None)]


def test_batches_of_forgotten_requests_end_and_their_errors_with_them(
    recorder: type[Recorder], tiny: Checkpoint
) -> None:
    engine = load(tiny)
    inside = engine._llm.batches
    inside.extend([RuntimeError("NaNs detected in logits"), None])
    engine.settle()
    assert not inside
    inside.append(RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(DeviceLost):
        engine.settle()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Bfloat16 is only supported on GPUs with compute capability", "try --dtype float16"),
        ("The NVIDIA driver on your system is too old", "evalsuite doctor says what is wrong"),
        ("Free memory on device (3/80 GiB) on startup is less", "free memory on the device"),
        ("heads (9) must be divisible by tensor parallel size", "a --tensor-parallel that divides"),
        ("max_model_len is too long", "--max-length with fewer tokens"),
    ],
)
def test_the_hint_fits_the_error(
    said: str, hint: str, recorder: type[Recorder], tiny: Checkpoint
) -> None:
    recorder.fails = ValueError(said)
    with pytest.raises(EngineError, match=f"{hint}"):
        load(tiny)


def test_a_gpu_that_breaks_while_loading_is_lost(
    recorder: type[Recorder], tiny: Checkpoint, tmp_path: Path
) -> None:
    recorder.fails = RuntimeError("CUDA error: unspecified launch failure")
    with pytest.raises(DeviceLost, match="unspecified launch failure"):
        load(tiny)
