"""Where an encoder's time goes by kind of operator: torch's own profile of one embedding.

On one core with one batch at a time, as each core works where batches run side by side: torch
notes the operators of the thread that asks. What they do not account for (tokenising, Python,
padding, pooling) is in ``rest``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile

from evalsuite.engines.batched_encoder import BatchedEncoder
from evalsuite.engines.parallel_batches import ParallelBatches

LINEAR = ("mkldnn::_linear_pointwise", "aten::mm", "aten::addmm")
"""Beginnings of the names of the operators of linear layers, with packed weights and without."""
ATTENTION = ("aten::_scaled_dot_product", "aten::bmm", "aten::_softmax")
"""Those of attention; the first is one kernel for all of it."""
MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class Operators:
    """Shares of the time of one embedding, which sum to 1."""

    linear: float
    attention: float
    rest: float


@contextmanager
def one_at_a_time(encoder: BatchedEncoder, threads: int) -> Iterator[None]:
    """One batch after the other, with so many threads for each."""
    batcher = encoder._batcher  # noqa: SLF001 - measured, not used
    parallel, before = batcher.parallel, torch.get_num_threads()
    batcher.parallel = ParallelBatches()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        batcher.parallel = parallel
        torch.set_num_threads(before)


def operators(encoder: BatchedEncoder, texts: Sequence[str]) -> Operators:
    """Profile one embedding on a core of a CPU.

    Raises:
        SystemExit: If the profile holds no linear layer, or no attention.
    """
    with one_at_a_time(encoder, 1), profile(activities=[ProfilerActivity.CPU]) as recorded:
        started = time.perf_counter()
        encoder.encode(texts)
        seconds = time.perf_counter() - started
    linear, attention = (seconds_in(recorded, names) for names in (LINEAR, ATTENTION))
    return Operators(linear / seconds, attention / seconds, 1 - (linear + attention) / seconds)


def seconds_in(recorded: profile, names: tuple[str, ...]) -> float:
    """Time in the operators whose names begin so.

    Raises:
        SystemExit: If the profile holds none of them: they have other names by now.
    """
    found = [
        event.self_cpu_time_total
        for event in recorded.key_averages()
        if event.key.startswith(names)
    ]
    if not found:
        raise SystemExit(f"none of {', '.join(names)} in the profile: look up the operators' names")
    return float(MICROSECOND * sum(found))
