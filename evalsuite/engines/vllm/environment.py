"""The environment that vLLM needs, set before it is imported."""

from __future__ import annotations

import os
from typing import Final

from evalsuite.engines.cuda.gpu import Gpu
from evalsuite.engines.cuda.survey import gpu_here
from evalsuite.engines.device import DeviceName
from evalsuite.engines.protocols import Device
from evalsuite.errors import EngineError
from evalsuite.installing import CPU, CUDA

ENVIRONMENT: Final = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_RAISE_ON_LOGIT_NANS": "1",
    "DO_NOT_TRACK": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Set unless a person has set them: an error instead of a token where logits are NaN, and silence.

OpenMP threads wait by sleeping: measured on two cores, spinning ones were a quarter faster on an
idle machine, and three to five times slower where another process wanted the same cores.
"""


def prepare(device: Device, tensor_parallel: int = 1) -> Gpu | None:
    """Set the environment and import vLLM.

    The variables are set first: OpenMP, which torch loads, reads its own only once.

    Args:
        device: What was asked for.
        tensor_parallel: GPUs that the model is split over.

    Returns:
        The GPU to run on; ``None`` for a CPU. The installed vLLM was built for it.

    Raises:
        EngineError: If vLLM is not installed, or was built for another device.
        UsageError: For ``cuda`` on a machine without a usable GPU, or with too few.
    """
    # One process, and no children but those of several GPUs: killing its group frees everything.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from vllm.platforms import current_platform
    except ImportError as error:
        raise EngineError(
            f"vLLM cannot be imported ({error})",
            f"pass --engine transformers, or on a GPU {CUDA}, else {CPU}",
        ) from error
    built_for: DeviceName = "cpu" if current_platform.is_cpu() else "cuda"
    gpu = gpu_here(device, tensor_parallel)
    wanted: DeviceName = "cpu" if gpu is None else "cuda"
    if wanted != built_for:
        raise EngineError(
            f"the installed vLLM runs on {built_for}, not on {wanted}",
            f"pass --device {built_for}, or install the other build of vLLM",
        )
    return gpu
