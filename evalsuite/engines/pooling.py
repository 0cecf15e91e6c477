"""From the hidden states of a text's tokens to one vector: pure functions on torch tensors.

In all of them ``hidden`` has the shape ``(b, t, d)`` and any float type, and ``mask`` the shape
``(b, t)``: 1 for the tokens that enter the pooling, at least one in each row. Sums run in
float32, whatever the model computes in, as in the GRIT authors' ``gritlm.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from evalsuite.schema import Pooling


def mean(hidden: Any, mask: Any) -> Any:
    """Mean over the kept tokens: ``Σ mᵢ hᵢ / Σ mᵢ``; shape ``(b, d)``, float32."""
    return _weighted(hidden, mask.float())


def weighted_mean(hidden: Any, mask: Any) -> Any:
    """Position-weighted mean of SGPT (arXiv 2202.08904, eq. 2); shape ``(b, d)``, float32.

    The i-th kept token weighs ``i / (1 + 2 + … + n)``. As in ``gritlm.py``, positions are counted
    after the instruction has been masked: the first token after it has position 1.
    """
    kept = mask.float()
    return _weighted(hidden, kept * kept.cumsum(dim=1))


def last(hidden: Any, mask: Any) -> Any:
    """Hidden state of the last kept token; shape ``(b, d)``, float32."""
    positions = torch.arange(mask.shape[1], device=mask.device)
    return _take(hidden, (mask.long() * positions).argmax(dim=1))


def cls(hidden: Any, mask: Any) -> Any:
    """Hidden state of the first kept token; shape ``(b, d)``, float32."""
    return _take(hidden, mask.long().argmax(dim=1))


POOLINGS: Final[dict[Pooling, Callable[[Any, Any], Any]]] = {
    "mean": mean,
    "weighted_mean": weighted_mean,
    "last": last,
    "cls": cls,
}


def pool(hidden: Any, mask: Any, pooling: Pooling, *, normalize: bool) -> Any:
    """Pool, and scale to Euclidean length 1 where asked; shape ``(b, d)``, float32."""
    vectors = POOLINGS[pooling](hidden, mask)
    return torch.nn.functional.normalize(vectors, dim=1) if normalize else vectors


def _weighted(hidden: Any, weights: Any) -> Any:
    """Weighted mean over tokens as one product of matrices: no copy of ``hidden`` times weights."""
    total = torch.bmm(weights[:, None, :], hidden.float())[:, 0]
    return total / weights.sum(dim=1, keepdim=True)


def _take(hidden: Any, positions: Any) -> Any:
    return hidden[torch.arange(len(positions), device=hidden.device), positions].float()
