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

from evalsuite.engines.batched import BatchedEncoder
from evalsuite.engines.streams import Streams

LINEAR = ("mkldnn::_linear_pointwise", "aten::mm", "aten::addmm")
"""Operators of linear layers, with packed weights and without."""
ATTENTION = ("aten::_scaled_dot_product", "aten::bmm", "aten::_softmax")
"""Beginnings of the names of the operators of attention; the first is one kernel for all of it."""
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
    streams, before = batcher.streams, torch.get_num_threads()
    batcher.streams = Streams()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        batcher.streams = streams
        torch.set_num_threads(before)


def operators(encoder: BatchedEncoder, texts: Sequence[str]) -> Operators:
    """Profile one embedding on a core of a CPU.

    Raises:
        SystemExit: If the profile holds no linear layer: an operator has another name by now.
    """
    with one_at_a_time(encoder, 1), profile(activities=[ProfilerActivity.CPU]) as recorded:
        started = time.perf_counter()
        encoder.encode(texts)
        seconds = time.perf_counter() - started
    linear = attention = 0.0
    for event in recorded.key_averages():
        if event.key in LINEAR:
            linear += MICROSECOND * event.self_cpu_time_total
        elif event.key.startswith(ATTENTION):
            attention += MICROSECOND * event.self_cpu_time_total
    if not linear:
        raise SystemExit("no linear layer in the profile: look up the names of its operators")
    return Operators(linear / seconds, attention / seconds, 1 - (linear + attention) / seconds)
