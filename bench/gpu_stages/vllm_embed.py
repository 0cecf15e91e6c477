"""vLLM, where it is installed for this device: its vectors are those of transformers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from evalsuite.engines.choice import with_encoder_engine
from evalsuite.engines.load import load_encoder
from evalsuite.schema import Attention, Pooling
from gpu_stages import encode, models, vllm
from gpu_stages.stage import Check, Numbers, Place, require

CLOSE: Final = 1e-4
"""Largest 1 − cosine in float32."""


def checks(place: Place) -> Iterator[Check]:
    """Both kinds of attention."""
    for attention, pooling in encode.WAYS:
        yield attention, partial(alike, place, attention, pooling)


def alike(place: Place, attention: Attention, pooling: Pooling) -> Numbers:
    """Embed with both engines."""
    vllm.need_vllm(place)
    folder = place.scratch / "model"
    if not folder.exists():
        models.saved(folder, "llama", vllm.SHAPE, place)
    checkpoint = with_encoder_engine(
        models.decoder(folder, attention, pooling), "vllm", place.device
    )
    memory = vllm.SHARE if place.device == "cuda" else None
    encoder = load_encoder(checkpoint, device=place.device, dtype="float32", gpu_memory=memory)
    mine = encoder.encode(encode.TEXTS).astype(np.float64)
    theirs = encode.embedded(folder, attention, pooling, place.device, "float32")
    cosines = (mine * theirs).sum(axis=1)
    cosines /= np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    off = float(np.abs(1 - cosines).max())
    numbers: Numbers = {"float32": f"{off:.1e}"}
    require(off <= CLOSE, "the vectors differ", numbers)
    return numbers
