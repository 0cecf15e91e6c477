"""What attention costs for batches that all differ in shape: with cuDNN's kernels and without.

cuDNN makes a plan for each shape that is new. evalsuite switches it off
(``engines/cuda/settings.py``); here is what that saves, and what widths of multiples of 16 would.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from evalsuite.engines.load import load_encoder, load_unified
from gpu_stages import models
from gpu_stages.stage import Check, Numbers, Place, require

SLOWER: Final = 1.3
"""How much slower than with cuDNN the batches may be without it."""


def checks(place: Place) -> Iterator[Check]:
    """Embedding, and generating token by token from a cache."""
    yield "batches", partial(batches, place)
    yield "decoding", partial(decoding, place)


def model(place: Place) -> Any:
    """A checkpoint, once for both checks."""
    folder = place.scratch / "model"
    shape = models.ONE_BILLION if place.goals else models.TINY
    if not folder.exists():
        models.saved(folder, "llama", shape, place)
    return models.decoder(folder)


def batches(place: Place) -> Numbers:
    """Milliseconds a batch over batches of distinct shapes."""
    encoder = load_encoder(model(place), device=place.device, dtype="bfloat16")
    count = 30 if place.goals else 4

    def took(first: int, step: int) -> float:
        started = time.perf_counter()
        for place_ in range(count):
            width = first + step * place_
            encoder.encode([models.words(width, seed) for seed in range(2 + place_ % 7)])
        return 1000 * (time.perf_counter() - started) / count

    numbers: Numbers = {}
    # Widths that no other way has used, so that each way meets new shapes.
    for name, cudnn, first, step in (
        ("warm", False, 20, 3),
        ("cudnn_ms", True, 21, 3),
        ("without_ms", False, 22, 3),
        ("cudnn_of_16_ms", True, 15, 16),
    ):
        with_cudnn(cudnn)
        numbers[name] = round(took(first, step if count > 4 else 1), 3)
    encoder.close()
    slow = float(numbers["without_ms"]) > SLOWER * float(numbers["cudnn_ms"])
    require(not (place.goals and slow), "faster with cuDNN, which evalsuite leaves out", numbers)
    return numbers


def decoding(place: Place) -> Numbers:
    """Milliseconds a token: each has a longer cache than the one before."""
    unified = load_unified(model(place), device=place.device, dtype="bfloat16")
    tokens = 128 if place.goals else 8
    numbers: Numbers = {}
    for name, cudnn, length in (("warm", False, 30), ("cudnn_ms", True, 300), ("ms", False, 600)):
        with_cudnn(cudnn)
        ids = unified.texts.ids(models.words(length), bos=True)
        numbers[name] = round(
            1000 * unified.generate(None, ids, tokens, stop=False).decode / tokens, 3
        )
    unified.close()
    return numbers


def with_cudnn(wanted: bool) -> None:
    """Let torch take cuDNN's attention, or not."""
    import torch

    torch.backends.cuda.enable_cudnn_sdp(wanted)
