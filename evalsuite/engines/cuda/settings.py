"""What is set for a GPU before a model is loaded, and how much memory the model will take."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Final

from evalsuite.checkpoint.folder import read_folder
from evalsuite.checkpoint.integrity import read_header, weight_files
from evalsuite.engines.device import DTypeName
from evalsuite.errors import UsageError

WIDTH: Final[dict[DTypeName, int]] = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number."""

_FLOATS: Final = frozenset({"F64", "F32", "F16", "BF16"})
"""Types of the safetensors format that loading converts."""

TF32_OVERRIDE: Final = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"
"""Set in NVIDIA's containers: torch then ignores what a program asks for."""

TRITON_FLOAT32: Final = "TRITON_F32_DEFAULT"
"""How kernels written in Triton multiply float32 where they do not say: TF32 unless this is set.
vLLM's attention for float32 is such a kernel."""


def settle_torch(dtype: DTypeName) -> None:
    """Have torch compute on a GPU as the signature says; before a model is loaded.

    * cuDNN's attention is switched off. It plans anew for each shape of a batch, and evalsuite's
      batches nearly all differ in shape.
    * float32 is float32: no product is rounded to TF32 (10 bits of mantissa).

    Raises:
        UsageError: If the environment keeps torch from computing in float32.
    """
    import torch

    torch.backends.cuda.enable_cudnn_sdp(False)
    if dtype != "float32":
        return
    if os.environ.get(TF32_OVERRIDE, "0") not in ("", "0"):
        raise UsageError(
            f"{TF32_OVERRIDE} is set: products in float32 would be rounded to TF32",
            f"unset {TF32_OVERRIDE}, or pass --dtype bfloat16",
        )
    os.environ[TRITON_FLOAT32] = "ieee"
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


def weight_bytes(path: Path, dtype: DTypeName) -> int:
    """Bytes of a checkpoint's weights in memory.

    Args:
        path: Its folder.
        dtype: Precision that they are loaded in. Packed weights count as they are stored.

    Raises:
        CheckpointError: If a file is damaged.
    """
    total = 0
    for file in weight_files(read_folder(path), allow_pickle=True):
        if file.suffix == ".safetensors":
            total += sum(_bytes(entry, WIDTH[dtype]) for entry in read_header(file).values())
        elif file.suffix != ".json":
            total += file.stat().st_size
    return total


def _bytes(entry: dict[str, Any], width: int) -> int:
    """Bytes of a tensor whose floating-point numbers are loaded in another width."""
    if entry["dtype"] in _FLOATS:
        return int(math.prod(entry["shape"])) * width
    start, end = entry["data_offsets"]
    return int(end - start)
