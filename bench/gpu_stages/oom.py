"""Lack of memory: the batches become smaller, and the vectors are those of small batches."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from evalsuite.engines import length_batches
from evalsuite.engines.load import load_encoder
from gpu_stages import models
from gpu_stages.stage import Check, Numbers, Place, require

HUGE: Final = 10**6
"""Padded tokens of a batch at first."""
ROOM: Final = {"cuda": 2 << 30, "cpu": 64 << 20}
"""Device → bytes that are left for activations."""
CLOSE: Final = 1e-4
"""Relative distance that other batches may make in float32."""


def checks(place: Place) -> Iterator[Check]:
    """One check: a budget that no memory suffices for."""
    yield "halved", partial(halved, place)


def halved(place: Place) -> Numbers:
    """Embed with far too large batches in little memory, and again in small ones."""
    import torch

    torch.set_num_threads(1)  # a batch at a time, as on a GPU
    shape = models.ONE_BILLION if place.goals else models.TINY
    checkpoint = models.decoder(models.saved(place.scratch / "model", "llama", shape, place))
    texts = [models.words(400, seed) for seed in range(256 if place.goals else 192)]

    usual, rows = length_batches.TOKENS[place.device], length_batches.ROWS[place.device]
    length_batches.TOKENS[place.device] = length_batches.ROWS[place.device] = HUGE
    encoder = load_encoder(checkpoint, device=place.device, dtype="float32")
    length_batches.TOKENS[place.device], length_batches.ROWS[place.device] = usual, rows
    retries: list[int] = []
    freed = length_batches.free_after

    def free_after(error: BaseException) -> None:
        freed(error)
        retries.append(torch.cuda.memory_allocated() if place.device == "cuda" else 0)

    length_batches.free_after = free_after
    before = torch.cuda.memory_allocated() if place.device == "cuda" else 0
    limit(place)
    found = encoder.encode(texts)
    few = encoder.encode(texts[:4])
    encoder.close()

    off = float(np.abs(found[:4] - few).max() / np.abs(few).max())
    numbers: Numbers = {
        "retries": len(retries),
        "mib_before": before >> 20,
        "mib_held_at_a_retry": max(retries, default=0) >> 20,
        "distance": f"{off:.1e}",
    }
    require(bool(retries), "the memory sufficed at once: nothing was shown", numbers)
    require(
        max(retries) <= before + ROOM[place.device] // 8, "a failed pass was still held", numbers
    )
    require(bool(np.isfinite(found).all()) and off <= CLOSE, "other vectors", numbers)
    return numbers


def limit(place: Place) -> None:
    """Leave so much beside what is in use."""
    import torch

    if place.device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        room = torch.cuda.memory_reserved() + ROOM[place.device]
        torch.cuda.set_per_process_memory_fraction(room / total)
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * resource.getpagesize() + ROOM[place.device]
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
