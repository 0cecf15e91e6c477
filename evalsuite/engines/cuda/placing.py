"""How weights and token ids get onto the device, and vectors off it."""

from __future__ import annotations

from typing import Any

from evalsuite.engines.parallel_batches import Pending
from evalsuite.engines.protocols import Vectors


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


def from_device(vectors: Any) -> Vectors | Pending:
    """Vectors ``(n, d)`` in the machine's memory; those of a GPU once it has computed them.

    The copy stands behind their computation and before that of the next batch. Waiting for it
    leaves the GPU at work.
    """
    if vectors.device.type == "cpu":
        there: Vectors = vectors.numpy()
        return there
    import torch

    copy = vectors.to("cpu", non_blocking=True)
    event = torch.cuda.Event(blocking=True)
    event.record()

    def wait() -> Vectors:
        event.synchronize()
        found: Vectors = copy.numpy()
        return found

    return Pending(wait)
