"""Lack of memory while a model runs: how it shows, and what is freed before another try."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

_SIGNS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cublas_status_alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of the memory of a GPU or of the machine."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in message for sign in _SIGNS)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it was raised from or while handling."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def free_after(error: BaseException) -> None:
    """Free what a pass that failed still holds.

    The error's traceback keeps all frames of the pass alive, and these its activations: a second
    try beside them would have less memory than the first.
    """
    for one in chain(error):
        one.__traceback__ = None
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
