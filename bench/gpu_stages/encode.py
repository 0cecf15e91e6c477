"""Embedding with each family: the vectors of the CPU in float32, and the same bits twice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, get_args

import numpy as np

from evalsuite.engines.device import DTypeName
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Vectors
from evalsuite.schema import Attention, Pooling
from gpu_stages import models
from gpu_stages.stage import Check, Numbers, Place, SkippedError, require

LIMITS: Final[dict[DTypeName, float]] = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 2e-3}
"""Largest 1 − cosine of a vector and that of the CPU in float32."""
ROUTED: Final = 2e-2
"""The same for a mixture of experts in 16 bits: rounding may send a token to another expert."""
WAYS: Final[tuple[tuple[Attention, Pooling], ...]] = (
    ("bidirectional", "mean"),
    ("causal", "weighted_mean"),
)
TEXTS: Final = tuple(models.words(3 + 7 * place % 90, place) for place in range(24))


def checks(place: Place) -> Iterator[Check]:
    """Small models of each family, and a large one on a GPU."""
    for family in get_args(models.Family):
        if family != "bert":
            yield family, partial(small, place, family)
    yield "llama-1b", partial(large, place)


def small(place: Place, family: models.Family) -> Numbers:
    """Both kinds of attention in all precisions; one of each where all has to be small."""
    folder = models.saved(place.scratch / family, family, models.TINY, place)
    found: dict[DTypeName, float] = {}
    ways, dtypes = (WAYS, tuple(LIMITS)) if place.goals else (WAYS[:1], ("bfloat16",))
    for attention, pooling in ways:
        for dtype, off in compared(place, folder, attention, pooling, dtypes).items():
            found[dtype] = max(found.get(dtype, 0.0), off)
    return within(found, routed=family == "mixtral")


def large(place: Place) -> Numbers:
    """A model whose weights fill more than one file of the cache of a processor."""
    if not place.goals:
        raise SkippedError("for a GPU, without --tiny")
    folder = models.saved(place.scratch / "1b", "llama", models.ONE_BILLION, place)
    return within(compared(place, folder, "bidirectional", "mean", ("float32", "bfloat16")))


def compared(
    place: Place,
    folder: models.Path,
    attention: Attention,
    pooling: Pooling,
    dtypes: tuple[DTypeName, ...],
) -> dict[DTypeName, float]:
    """Precision → largest 1 − cosine beside the CPU's float32."""
    reference = embedded(folder, attention, pooling, "cpu", "float32")
    found = {}
    for dtype in dtypes:
        vectors = embedded(folder, attention, pooling, place.device, dtype)
        cosines = (vectors * reference).sum(axis=1)
        norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(reference, axis=1)
        found[dtype] = float(np.abs(1 - cosines / norms).max())
    return found


def embedded(
    folder: models.Path, attention: Attention, pooling: Pooling, device: str, dtype: DTypeName
) -> Vectors:
    """Load, see that the attention is what was asked for, and embed twice.

    A mixture of experts may add up the outputs of its experts in another order each time.
    """
    checkpoint = models.decoder(folder, attention, pooling)
    encoder = load_encoder(checkpoint, device="cuda" if device == "cuda" else "cpu", dtype=dtype)
    try:
        vectors = encoder.encode(TEXTS)
        same = bool((vectors == encoder.encode(TEXTS)).all())
        require(same or "mixtral" in folder.name, f"{dtype}: other bits again")
    finally:
        encoder.close()
    return vectors.astype(np.float64)


def within(found: dict[DTypeName, float], *, routed: bool = False) -> Numbers:
    """The figures, where each is small enough."""
    numbers: Numbers = {dtype: f"{off:.1e}" for dtype, off in found.items()}
    for dtype, off in found.items():
        limit = ROUTED if routed and dtype != "float32" else LIMITS[dtype]
        require(off <= limit, f"{dtype} is {off:.1e} off, more than {limit:g}", numbers)
    return numbers
