"""The GPU: what torch and the driver say of it, and what evalsuite decides by that.

A :class:`Survey` holds all that is asked of a machine. What follows from it are pure functions, so
that tests decide for GPUs that are not there. The survey itself is made by
:mod:`evalsuite.engines.cuda.survey`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evalsuite.errors import EngineError, UsageError
from evalsuite.installing import CUDA
from evalsuite.schema import Frozen

if TYPE_CHECKING:
    from evalsuite.engines.protocols import Device

GIB: Final = 2**30

LEAST_DRIVER: Final = {11: 450, 12: 525, 13: 580}
"""Major version of CUDA → first driver that runs programs built for it (NVIDIA's release notes
on the compatibility of minor versions)."""

BFLOAT16_FROM: Final = (8, 0)
"""First compute capability with instructions for bfloat16 (Ampere)."""

BATCH_INVARIANT_FROM: Final = (8, 0)
"""First compute capability for which vLLM has kernels that compute a row the same in any batch
(vLLM 0.32's documentation, "Batch Invariance")."""

SHARE: Final = 0.92
"""Of the whole memory, what vLLM takes at most: its own default."""

RESERVE: Final = GIB
"""Bytes left to the CUDA context and to whatever else uses the GPU."""

ACTIVATIONS: Final = GIB
"""Bytes that a forward pass needs at least beside the weights."""


class Gpu(Frozen):
    """A GPU, as the driver and torch describe it."""

    name: str
    capability: tuple[int, int]
    """Compute capability, such as ``(9, 0)``."""
    driver: str | None = None
    """Version of NVIDIA's driver, where the machine says it."""
    total: int
    """Bytes of memory."""
    free: int
    """Bytes that were free when this was asked."""
    cores: int = 1
    """Streaming multiprocessors."""
    count: int = 1
    """GPUs that a model is split over; the figures are those of the least of them."""

    @property
    def has_bfloat16(self) -> bool:
        """Whether it multiplies bfloat16 matrices in hardware."""
        return self.capability >= BFLOAT16_FROM

    @property
    def facts(self) -> dict[str, str]:
        """What a record keeps of it."""
        facts = {"gpu": self.name, "gpu_capability": _dotted(self.capability)}
        return facts | ({"gpu_driver": self.driver} if self.driver else {})


class Survey(Frozen):
    """What a machine says of its GPUs."""

    node: bool = True
    """Whether there is a device node of an NVIDIA driver."""
    driver: str | None = None
    """The driver's version, where it can be read."""
    cards: int | None = None
    """GPUs that the driver knows; ``None`` where it does not say."""
    visible: str | None = None
    """``CUDA_VISIBLE_DEVICES``."""
    built: str | None = None
    """The version of CUDA that torch was built for; ``None`` for a torch without CUDA."""
    architectures: tuple[str, ...] = ()
    """What torch was compiled for: ``sm_75``, ``sm_90``, ``compute_120`` …"""
    gpu: Gpu | None = None
    """The first GPU that torch sees."""
    beside: tuple[Gpu, ...] = ()
    """The next ones, where they were asked for: asking takes memory of each."""
    seen: int = 1
    """GPUs that torch sees."""
    problem: str | None = None
    """Why torch cannot use a GPU, in its own words."""


def why_unusable(survey: Survey) -> tuple[str, str] | None:
    """Why no GPU can be used: what is wrong, and what to do; ``None`` if one can."""
    if not survey.node:
        return (
            "no NVIDIA driver on this machine",
            "pass --device cpu, or install the driver (in a container: --gpus all)",
        )
    if survey.built is None:
        return (
            survey.problem or "the installed torch was built without CUDA",
            f"pass --device cpu, or install the build for GPUs: {CUDA}",
        )
    if survey.visible is not None and survey.visible.strip() in ("", "-1"):
        return (
            f"CUDA_VISIBLE_DEVICES={survey.visible} hides all GPUs",
            "unset it, or pass --device cpu",
        )
    return _driver_too_old(survey) or _not_there(survey) or _card_too_old(survey)


def check_batch_invariant(gpu: Gpu) -> None:
    """Refuse a GPU for which vLLM has no kernels that compute a row the same in any batch.

    Raises:
        UsageError: If it is too old.
    """
    if gpu.capability < BATCH_INVARIANT_FROM:
        raise UsageError(
            f"--deterministic needs compute capability {_dotted(BATCH_INVARIANT_FROM)} or later; "
            f"{gpu.name} has {_dotted(gpu.capability)}",
            "leave it out, or use a newer GPU",
        )


def _driver_too_old(survey: Survey) -> tuple[str, str] | None:
    least = LEAST_DRIVER.get(_major(survey.built))
    if survey.driver is None or least is None or _major(survey.driver) >= least:
        return None
    wrong = (
        f"the NVIDIA driver {survey.driver} is too old for torch built for CUDA {survey.built}, "
        f"which needs {least} or later"
    )
    return wrong, "update the driver, or pass --device cpu"


def _not_there(survey: Survey) -> tuple[str, str] | None:
    if survey.gpu is not None:
        return None
    if survey.problem and "out of memory" in survey.problem.lower():
        return (
            "the GPU has no memory left to begin with: other processes hold it",
            "see nvidia-smi; wait, or choose another with CUDA_VISIBLE_DEVICES",
        )
    if survey.visible is not None:
        there = "" if survey.cards is None else f", which has {survey.cards}"
        return (
            f"CUDA_VISIBLE_DEVICES={survey.visible} names no GPU of this machine{there}",
            "name one of nvidia-smi -L (the first is 0), or pass --device cpu",
        )
    why = f": {survey.problem}" if survey.problem else ""
    return f"torch can use no GPU{why}", "check nvidia-smi, or pass --device cpu"


def _card_too_old(survey: Survey) -> tuple[str, str] | None:
    """A GPU runs what was compiled for its own generation or an earlier one, never a later one."""
    compiled = [_capability(name) for name in survey.architectures]
    gpu = survey.gpu
    if gpu is None or not compiled or gpu.capability >= min(compiled):
        return None
    wrong = (
        f"{gpu.name} (compute capability {_dotted(gpu.capability)}) is too old for the installed "
        f"torch, which needs {_dotted(min(compiled))} or later"
    )
    return wrong, "use another GPU, or pass --device cpu"


def choose(device: Device, survey: Survey, count: int = 1) -> Gpu | None:
    """The GPU to run on; ``None`` for the CPU. ``auto`` is the GPU where one can be used.

    Args:
        device: What a person asked for.
        survey: What the machine says.
        count: GPUs that a model is split over.

    Raises:
        UsageError: For ``cuda`` where none can be used, or where there are fewer than ``count``.
    """
    if device == "cpu":
        return None
    wrong = why_unusable(survey)
    if wrong is None:
        assert survey.gpu is not None
        return _together(survey, survey.gpu, count)
    if device == "cuda":
        raise UsageError(f"--device cuda: {wrong[0]}", wrong[1])
    return None


def _together(survey: Survey, first: Gpu, count: int) -> Gpu:
    """The first GPUs as one: what each of them can do, and the memory that each has free."""
    used = [first, *survey.beside][:count]
    if len(used) < count:
        there = "1 is" if survey.seen == 1 else f"{survey.seen} are"
        raise UsageError(
            f"--tensor-parallel {count} needs {count} GPUs, and {there} visible",
            "see nvidia-smi -L and CUDA_VISIBLE_DEVICES, or pass a smaller number",
        )
    least = {
        "capability": min(one.capability for one in used),
        "total": min(one.total for one in used),
        "free": min(one.free for one in used),
    }
    return first.model_copy(update={**least, "count": count})


def vllm_share(gpu: Gpu, wanted: float | None = None) -> float:
    """Share of the whole memory that vLLM is to take: of what is free, all but a reserve.

    Args:
        gpu: With the memory that is free now.
        wanted: What a person asked for (``--gpu-memory``).

    Raises:
        EngineError: If more is wanted than is free.
    """
    if wanted is None:
        # Rounded down: vLLM refuses more than is free.
        return max(0, min(int(SHARE * 1000), (gpu.free - RESERVE) * 1000 // gpu.total)) / 1000
    if wanted * gpu.total > gpu.free:
        raise EngineError(
            f"--gpu-memory {wanted:g} is {gibibytes(int(wanted * gpu.total))} of {gpu.name}, and "
            f"{gibibytes(gpu.free)} are free",
            f"pass --gpu-memory {vllm_share(gpu):g} or less, or leave it out",
        )
    return wanted


def check_room(gpu: Gpu, room: int, weights: int, name: str) -> None:
    """See that a model's weights fit, before any of them is loaded.

    Args:
        gpu: Where they go.
        room: Bytes that the engine may take of it.
        weights: Bytes of all weights; each of several GPUs holds its part.
        name: The checkpoint's.

    Raises:
        EngineError: If they do not fit.
    """
    need = weights // gpu.count + ACTIVATIONS
    if need > room:
        each = f" on each of {gpu.count} GPUs" if gpu.count > 1 else ""
        raise EngineError(
            f"{name} needs at least {gibibytes(need)} of GPU memory{each}, and {gibibytes(room)} "
            f"of the {gibibytes(gpu.total)} of {gpu.name} can be used ({gibibytes(gpu.free)} are "
            "free)",
            "see nvidia-smi for what else uses it; wait, choose another GPU with "
            "CUDA_VISIBLE_DEVICES, or have vLLM split it over several with --tensor-parallel",
        )


def gibibytes(count: int) -> str:
    """A number of bytes as a person reads it, for example ``79.3 GiB``."""
    return f"{count / GIB:.1f} GiB"


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))


def _major(version: str | None) -> int:
    head = (version or "").partition(".")[0]
    return int(head) if head.isdigit() else 0


def _capability(architecture: str) -> tuple[int, int]:
    """``sm_90a`` → ``(9, 0)``, ``compute_120`` → ``(12, 0)``."""
    digits = "".join(filter(str.isdigit, architecture.partition("_")[2]))
    return int(digits[:-1] or 0), int(digits[-1:] or 0)
