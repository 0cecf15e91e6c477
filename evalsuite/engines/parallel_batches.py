"""Batches side by side on a CPU: a core for each, rather than all cores for one after the other.

Cores that share a batch wait for each other after each of its some hundred operators, and for
Python in between. With a batch each they do not.

Only for models whose forward pass changes nothing in the model: two passes at once must not see
each other. ``test_parallel_batches.py`` checks this for the models of :data:`FAMILIES` (it
reads their source).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Final, TypeAlias

from evalsuite.engines.protocols import Vectors

FAMILIES: Final = frozenset(
    {
        "bert",
        "distilbert",
        "gemma",
        "gemma2",
        "llama",
        "mistral",
        "mpnet",
        "qwen2",
        "qwen3",
        "roberta",
        "xlm-roberta",
    }
)
"""``model_type`` of the architectures of which passes may run side by side."""

_LIBRARIES: Final = frozenset({"evalsuite", "sentence_transformers", "torch", "transformers"})
"""Where a model's modules may come from; a checkpoint's own code is in none of them."""
_CHANGING_ROPE: Final = frozenset({"dynamic", "longrope"})
"""Kinds of rotary positions whose frequencies follow the longest text so far."""

Batch = Sequence[int]
Outcome: TypeAlias = "Vectors | Exception"


def can_run_side_by_side(model: Any) -> bool:
    """Whether two forward passes of a model may run at once.

    Args:
        model: A module of torch around one or more transformers models.
    """
    from transformers import PreTrainedModel

    found = False
    for module in model.modules():
        if type(module).__module__.partition(".")[0] not in _LIBRARIES:
            return False
        if isinstance(module, PreTrainedModel):
            found = True
            if module.config.model_type not in FAMILIES:
                return False
        kinds = getattr(module, "rope_type", None)
        if _CHANGING_ROPE & set(kinds.values() if isinstance(kinds, dict) else [kinds]):
            return False
    return found


class ParallelBatches:
    """Runs a function on batches, several at a time.

    Attributes:
        count: Batches at a time at most. With 1 they run in the calling thread.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count

    @classmethod
    def of(cls, model: Any, device: str) -> ParallelBatches:
        """As many at a time as torch has threads, or one where model or device allow no more."""
        import torch

        return cls(
            torch.get_num_threads() if device == "cpu" and can_run_side_by_side(model) else 1
        )

    def run(
        self, forward: Callable[[Batch], Vectors], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Outcome]]:
        """Run all batches until one fails.

        Args:
            forward: Called with each batch.
            batches: Started in this order.

        Yields:
            Index of a batch, and its vectors or its error, in the order in which batches end. After
            an error no further batch is started, but those that run are waited for. So of all
            batches that would fail, the first in the given order is always among the results.
        """
        if (used := min(self.count, len(batches))) > 1:
            yield from _side_by_side(forward, batches, used)
            return
        for place, batch in enumerate(batches):
            try:
                outcome: Outcome = forward(batch)
            except Exception as error:  # noqa: BLE001 - handed on
                yield place, error
                return
            yield place, outcome


def _side_by_side(
    forward: Callable[[Batch], Vectors], batches: Sequence[Batch], used: int
) -> Iterator[tuple[int, Outcome]]:
    import torch

    # A thread's number of torch threads is its own, but the last that was set is also that of
    # threads to come: hence it is set again at the end.
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(
        used, "stream", initializer=torch.set_num_threads, initargs=(max(1, threads // used),)
    )
    places = {pool.submit(forward, batch): place for place, batch in enumerate(batches)}
    try:
        for future in as_completed(places):
            if future.cancelled():
                continue
            error = future.exception()
            if isinstance(error, Exception):
                for waiting in places:
                    waiting.cancel()
                yield places[future], error
            else:
                yield places[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
