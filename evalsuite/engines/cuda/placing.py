"""How weights and token ids get onto the device."""

from __future__ import annotations

from typing import Any


def straight_to(device: str) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` that load weights onto a GPU at once.

    Loaded first and moved afterwards, they would need room in the memory of the machine too, which
    may be smaller. On a CPU there is nothing to say.
    """
    return {} if device == "cpu" else {"device_map": {"": f"{device}:0"}}


def to_device(tensor: Any, device: str) -> Any:
    """A tensor of the machine's memory on a device.

    From pinned memory the copy runs beside what the GPU computes, and nothing waits for it.
    """
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
