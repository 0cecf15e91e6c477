"""Checkpoints with quantised weights: by which method, and whether anything here can run them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Final

from evalsuite.checkpoint.folder import Folder
from evalsuite.checkpoint.shapes import tensors
from evalsuite.errors import CheckpointError

_PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "compressed-tensors": ("compressed_tensors",),
    "fp8": (),
    "gptq": ("gptqmodel", "optimum"),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "bitsandbytes_4bit": ("bitsandbytes",),
    "bitsandbytes_8bit": ("bitsandbytes",),
    "torchao": ("torchao",),
    "mxfp4": ("kernels",),
    "hqq": ("hqq",),
    "quanto": ("optimum.quanto",),
    "quark": ("quark",),
    "aqlm": ("aqlm",),
    "auto-round": ("auto_round",),
}
"""``quant_method`` → what transformers needs to load it. fp8 is dequantised where there is no GPU,
compressed-tensors always: both were compared with their dequantised weights."""
_EXACT: Final = frozenset({"compressed-tensors", "fp8"})
"""Methods that transformers runs on a CPU as evalsuite has seen it."""
_PACKED: Final = (
    ".qweight", ".weight_packed", ".weight_scale", ".weight_scale_inv", ".scales", ".absmax",
    ".SCB", ".weight.absmax", "_blocks", "_scales", ".codes", ".W_q", "._data",
)  # fmt: skip
"""Ends of the names of tensors that packed weights come with."""
_PACKED_TYPES: Final = ("U8", "I8", "I32", "F8_E4M3", "F8_E5M2", "F4")


def quantization(folder: Folder) -> str | None:
    """The method that a checkpoint's weights are quantised with, for its signature.

    Args:
        folder: A loadable folder.

    Returns:
        For example ``gptq-4bit``; ``None`` for plain weights.

    Raises:
        CheckpointError: If the method is unknown, contradicts the weights, or nothing that is
            installed runs it.
    """
    path = folder.model_path / "config.json"
    stated = _stated(folder.config)
    packed = next(
        (
            name
            for name, entry in tensors(folder).items()
            if name.endswith(_PACKED) or (entry["dtype"] in _PACKED_TYPES and "weight" in name)
        ),
        None,
    )
    if stated is None:
        if packed is None:
            return None
        raise CheckpointError(
            f"{folder.path} has packed weights ({packed}), but {path} has no quantization_config",
            "restore the original config.json, which says how they are packed",
        )
    method = str(stated.get("quant_method"))
    says = f"{path}: quantization_config.quant_method is {method!r}"
    if method not in _PACKAGES:
        raise CheckpointError(
            f"{says}, which evalsuite does not know; transformers would load the weights as if "
            "they were plain",
            f"evalsuite knows {', '.join(_PACKAGES)}",
        )
    if packed is None:
        raise CheckpointError(
            f"{says}, but the weights are plain",
            "remove quantization_config to evaluate them as they are",
        )
    from evalsuite.engines.device import vllm_is_for_gpus

    lacking = [name for name in _PACKAGES[method] if find_spec(name.partition(".")[0]) is None]
    # On a GPU vLLM takes more methods.
    if not vllm_is_for_gpus() and (lacking or method not in _EXACT):
        needed = f"the package {' and '.join(lacking)} and " if lacking else ""
        raise CheckpointError(
            f"{says}: nothing here runs such weights on a CPU",
            f"it needs {needed}a GPU with vLLM; or pass the checkpoint it was made from",
        )
    bits = _bits(stated)
    return f"{method}-{bits}bit" if bits else method


def stated_method(folder: Folder) -> str | None:
    """The ``quant_method`` that a config states; ``None`` where it states none."""
    stated = _stated(folder.config)
    return None if stated is None else str(stated.get("quant_method"))


def why_not_embedded(method: str) -> str | None:
    """Why a checkpoint with weights quantised so cannot be embedded with; ``None`` if it can."""
    if method.startswith(tuple(_EXACT)):
        return None
    return f"weights quantised with {method}, which evalsuite runs in vLLM's generation alone"


def _stated(config: dict[str, Any]) -> dict[str, Any] | None:
    nested = config.get("text_config")
    for one in (config, nested if isinstance(nested, dict) else {}):
        for key in ("quantization_config", "compression_config"):
            if isinstance(found := one.get(key), dict):
                return found
    return None


def _bits(stated: dict[str, Any]) -> int | None:
    if isinstance(bits := stated.get("bits") or stated.get("w_bit"), int):
        return bits
    if stated.get("load_in_4bit"):
        return 4
    if stated.get("load_in_8bit"):
        return 8
    groups = stated.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    weights = first.get("weights") if isinstance(first, dict) else None
    found = weights.get("num_bits") if isinstance(weights, dict) else None
    return found if isinstance(found, int) else None
