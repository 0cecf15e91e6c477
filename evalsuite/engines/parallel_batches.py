"""Batches side by side on a CPU, and on a GPU each one begun before the one before has ended.

On a CPU a core works at each, rather than all cores at one after the other: cores that share a
batch wait for each other after each of its some hundred operators, and for Python in between.
A GPU would wait for the next batch to be put together and copied: it is given that while it
computes.

Side by side only for models whose forward pass changes nothing in the model: two passes at once
must not see each other. ``test_parallel_batches.py`` checks this for the models of
:data:`FAMILIES` (it reads their source).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

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


@dataclass(frozen=True, slots=True)
class Pending:
    """Vectors that a GPU computes while this process goes on."""

    result: Callable[[], Vectors]
    """Waits for them. An error of the GPU shows here."""


def arrived(vectors: Vectors | Pending) -> Vectors:
    """Vectors, waited for where they are still computed."""
    return vectors.result() if isinstance(vectors, Pending) else vectors


Forward: TypeAlias = "Callable[[Batch], Vectors | Pending]"
"""Embeds the texts at these indices; shape ``(len(indices), d)``, in their order."""
Outcome: TypeAlias = "Vectors | Exception"
Result = TypeVar("Result")


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

    def run(self, forward: Forward, batches: Sequence[Batch]) -> Iterator[tuple[int, Outcome]]:
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
        yield from _one_ahead(forward, batches)


def _one_ahead(forward: Forward, batches: Sequence[Batch]) -> Iterator[tuple[int, Outcome]]:
    """One batch after the other; what a GPU computes is waited for once it has the next batch."""
    under_way: tuple[int, Pending] | None = None
    failed = False
    for place, batch in enumerate(batches):
        begun = _outcome(partial(forward, batch))
        if under_way is not None:
            earlier, pending = under_way
            ended = _outcome(pending.result)
            failed = isinstance(ended, Exception)
            yield earlier, ended
        under_way = (place, begun) if isinstance(begun, Pending) else None
        if not isinstance(begun, Pending):
            failed = failed or isinstance(begun, Exception)
            yield place, begun
        if failed:
            break
    if under_way is not None:
        yield under_way[0], _outcome(under_way[1].result)


def _outcome(work: Callable[[], Result]) -> Result | Exception:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - handed on
        return error


def _side_by_side(
    forward: Forward, batches: Sequence[Batch], used: int
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
                yield places[future], arrived(future.result())
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
