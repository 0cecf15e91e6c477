"""Whether a text's vector depends on the texts that are in a batch with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from evalsuite.engines.batched_encoder import BatchedEncoder, PreparedTexts
from evalsuite.engines.parallel_batches import Pending, arrived
from evalsuite.engines.protocols import Vectors
from evalsuite.errors import EngineError

_SHORT: Final = "a cat"
_LONG: Final = "a dog and a bird sat beside the old house by the sea, and it was a long day"
_DISTANCE: Final = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.1}
"""Relative distance of two vectors of one text that rounding may make."""


def check_neighbours(
    encoder: BatchedEncoder,
    forward: Callable[[PreparedTexts, Sequence[int]], Vectors | Pending],
    name: str,
    dtype: str,
) -> None:
    """Embed a text alone and beside a longer one, and refuse a model whose vectors differ.

    Args:
        encoder: Prepares the texts.
        forward: Embeds some of the prepared texts in one batch.
        name: Of the checkpoint.
        dtype: Precision that the vectors are computed in.

    Raises:
        EngineError: If the two vectors of the text differ by more than rounding.
    """
    prepared = encoder.prepare([_SHORT, _LONG])
    alone, beside = (arrived(forward(prepared, batch))[0] for batch in ([0], [0, 1]))
    distance = float(np.linalg.norm(alone - beside))
    if distance > _DISTANCE[dtype] * float(np.linalg.norm(alone)):
        raise EngineError(
            f"the vector of a text by {name} depends on the texts beside it (relative distance "
            f"{distance / max(float(np.linalg.norm(alone)), 1e-30):.3f}): padding enters it",
            "check padding_side and pad_token in its tokenizer_config.json, and its modules",
        )
