"""Asks driver and torch for the GPU: in this process, or in one that ends at once.

Asking torch makes a CUDA context, which holds some hundred MiB of the GPU for as long as the
process lives. So a run asks through ``python -m evalsuite.engines.cuda.survey 1``, which writes a
:class:`~evalsuite.engines.cuda.gpu.Survey` as JSON to standard output; a process that is to run an
engine asks for itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from evalsuite.engines.cuda.gpu import Gpu, Survey, choose, why_unusable
from evalsuite.engines.protocols import Device
from evalsuite.errors import first_line

NVIDIA_NODES: Final = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""Device nodes of the NVIDIA driver on Linux, and on Linux inside Windows (WSL)."""

DRIVER_FILES: Final = Path("/proc/driver/nvidia")
"""Where the driver on Linux says its version and its GPUs; WSL has no such folder."""

MOST_SECONDS: Final = 120.0
"""For importing torch and starting CUDA."""


def find_gpu(device: Device, count: int = 1) -> Gpu | None:
    """The GPU that a run is to use; ``None`` for the CPU. Leaves nothing on the GPU.

    Args:
        device: What a person asked for.
        count: GPUs that a model is split over.

    Raises:
        UsageError: For ``cuda`` where none can be used, or where there are fewer than ``count``.
    """
    return _chosen(device, survey_apart, count)


def gpu_here(device: Device, count: int = 1) -> Gpu | None:
    """As :func:`find_gpu`, for the process that runs the engine: its free memory is that of now.

    Where a model is split, other processes hold its parts, and this one holds nothing of a GPU.
    """
    return _chosen(device, look if count == 1 else survey_apart, count)


def why_passed_over(device: Device) -> str | None:
    """Why ``auto`` is the CPU on a machine with an NVIDIA driver and a torch for GPUs."""
    if device != "auto" or not has_driver():
        return None
    survey = survey_apart(1)
    wrong = why_unusable(survey) if survey.built is not None else None
    return f"--device auto is the CPU: {wrong[0]}" if wrong else None


def _chosen(device: Device, ask: Callable[[int], Survey], count: int) -> Gpu | None:
    if device == "cpu":
        return None
    return choose(device, ask(count) if has_driver() else Survey(node=False), count)


def has_driver() -> bool:
    """Whether there is a device node of an NVIDIA driver."""
    return any(node.exists() for node in NVIDIA_NODES)


@cache
def survey_apart(count: int) -> Survey:
    """What :func:`look` finds in a process of its own."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(count)],
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
        return Survey.model_validate_json(done.stdout)
    except subprocess.TimeoutExpired:
        problem = f"CUDA did not start within {MOST_SECONDS:.0f} s"
    except ValueError:
        problem = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return Survey(problem=problem, **_driver())


def look(count: int = 1) -> Survey:
    """Ask in this process; torch is imported, and the GPU gets a CUDA context.

    Args:
        count: GPUs to ask, the first ones; each gets a context.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        return Survey(problem=f"torch cannot be imported: {first_line(error)}", **_driver())
    facts = {**_driver(), "built": torch.version.cuda}
    if torch.version.cuda is None:
        return Survey(**facts)
    try:
        torch.cuda.init()
        seen = torch.cuda.device_count()
        gpu, *beside = [_gpu(index, facts["driver"]) for index in range(min(count, seen))]
    except (RuntimeError, AssertionError) as error:
        return Survey(problem=first_line(error), **facts)
    built_for = tuple(torch.cuda.get_arch_list())
    return Survey(gpu=gpu, beside=tuple(beside), seen=seen, architectures=built_for, **facts)


def _gpu(index: int, driver: str | None) -> Gpu:
    import torch

    seen = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    return Gpu(
        name=seen.name,
        capability=(seen.major, seen.minor),
        driver=driver,
        total=total,
        free=free,
        cores=seen.multi_processor_count,
    )


def _driver() -> dict[str, Any]:
    """What can be known without torch."""
    try:
        text = (DRIVER_FILES / "version").read_text(encoding="utf-8", errors="replace")
        cards: int | None = len(list((DRIVER_FILES / "gpus").iterdir()))
    except OSError:
        text, cards = "", None
    version = re.search(r"\b\d{3,}\.\d+(\.\d+)*\b", text)
    return {
        "driver": version[0] if version else None,
        "cards": cards,
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def main() -> None:
    """Write a survey to standard output; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answers.write(look(int(sys.argv[1])).model_dump_json())
    answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()
