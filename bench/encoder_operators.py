"""Where an encoder's time goes by kind of operator: torch's own profile of one embedding.

What torch's operators do not account for (tokenising, Python, padding, pooling) is in ``rest``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch.profiler import ProfilerActivity, profile

from evalsuite.engines.base import Encoder

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


def operators(encoder: Encoder, texts: Sequence[str]) -> Operators:
    """Profile one embedding on a CPU.

    Raises:
        SystemExit: If the profile holds no linear layer: an operator has another name by now.
    """
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        started = time.perf_counter()
        encoder.encode(texts)
        seconds = time.perf_counter() - started
    linear = attention = 0.0
    # Seconds of the calling thread, which takes part in each operator from its start to its end.
    for event in recorded.key_averages():
        if event.key in LINEAR:
            linear += MICROSECOND * event.self_cpu_time_total
        elif event.key.startswith(ATTENTION):
            attention += MICROSECOND * event.self_cpu_time_total
    if not linear:
        raise SystemExit("no linear layer in the profile: look up the names of its operators")
    return Operators(linear / seconds, attention / seconds, 1 - (linear + attention) / seconds)
