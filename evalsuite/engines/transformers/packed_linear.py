"""Linear layers on a CPU through oneDNN, with their weights packed once.

For matrices in float32 torch calls MKL, which on processors of other makers than Intel keeps to
old instructions: on an AMD EPYC with AVX-512 one thread reached 100 GFLOP/s through
``torch.nn.functional.linear`` and 230 through oneDNN with packed weights (bfloat16, which torch
gives to oneDNN anyway: 440 and 470). The sums are in float32 either way, in another order.

oneDNN's layer is the one that torch's own compiler puts into frozen graphs; torch has no public
name for it, so its presence is checked.
"""

from __future__ import annotations

from typing import Any, Final

import torch

ROWS: Final = 1024
"""Rows for which the weights' layout is chosen: a batch of :data:`~.batching.TOKENS`. Any number
of rows can be multiplied with it."""


class PackedLinear(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """What ``torch.nn.Linear`` computes, without gradients, on a CPU.

    Args:
        linear: The layer; its weight is not kept.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        self.bias = linear.bias
        weight = linear.weight.detach()
        self.weight = torch.empty_like(weight, device="meta")
        """Type and shape alone, which T5's layers ask for; there is nothing to multiply by."""
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)  # noqa: SLF001

    def forward(self, hidden: Any) -> Any:
        """Multiply: ``(…, in_features)`` to ``(…, out_features)``."""
        layer = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - see above
        return layer(hidden, self._packed, self.bias, "none", [], "")


def can_pack() -> bool:
    """Whether this build of torch has oneDNN's linear layer."""
    names = ("_reorder_linear_weight", "_linear_pointwise")
    return torch.backends.mkldnn.is_available() and all(
        hasattr(torch.ops.mkldnn, name) for name in names
    )


def pack_linear_layers(model: torch.nn.Module) -> int:
    """Replace the linear layers of a model that is only read and runs on a CPU.

    Layers of a class of their own (quantised ones, adapters) stay as they are.

    Returns:
        The number of layers that were replaced.
    """
    if not can_pack():
        return 0
    found = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if type(layer) is torch.nn.Linear
        and layer.weight.dtype in (torch.float32, torch.bfloat16)
        and layer.weight.device.type == "cpu"
    ]
    for parent, name, layer in found:
        setattr(parent, name, PackedLinear(layer))
    return len(found)
