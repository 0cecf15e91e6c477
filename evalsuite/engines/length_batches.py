"""Batches of texts of similar length, by a budget of tokens; the longest texts come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from evalsuite.engines.parallel_batches import ParallelBatches
from evalsuite.engines.protocols import Vectors
from evalsuite.errors import EngineError

MAX_ROWS: Final = 256
"""Texts in one batch at most."""

TOKENS: Final[dict[str, int]] = {"cpu": 1024, "cuda": 32768}
"""Device → padded tokens in one batch. A CPU is fastest while the activations fit its caches."""

Forward = Callable[[Sequence[int]], Vectors]
"""Embeds the texts at these indices; shape ``(len(indices), d)``, in their order."""

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def pack(
    lengths: Sequence[int], tokens: int, rows: int | None = None, *, equal: bool = False
) -> list[list[int]]:
    """Put texts of similar length together, the longest first.

    Starting with the longest shows at once whether the memory suffices.

    Args:
        lengths: Tokens of each text.
        tokens: Padded tokens of a batch: its rows times its longest text. A single text may
            have more.
        rows: Texts in a batch at most; ``None`` for no limit.
        equal: Whether all texts of a batch must have the same length, so that none is padded.

    Returns:
        Indices of the texts of each batch. Texts of the same length keep their order.
    """
    batches: list[list[int]] = []
    longest = room = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if room == 0 or (equal and lengths[index] != longest):
            longest = lengths[index]
            room = max(1, tokens // max(1, longest))
            room = room if rows is None else min(rows, room)
            batches.append([])
        batches[-1].append(index)
        room -= 1
    return batches


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of the memory of a GPU or of the machine."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in message for sign in _OUT_OF_MEMORY)


class LengthBatcher:
    """Embeds in batches; when memory runs out, in fewer at a time, and then in smaller ones.

    Args:
        tokens: Padded tokens of a batch at first.
        rows: Texts of a batch at most.
        parallel: Runs several batches at a time; without it, one after the other.

    Attributes:
        tokens: Padded tokens of a batch.
        parallel: What runs the batches.
    """

    def __init__(
        self, tokens: int, rows: int = MAX_ROWS, parallel: ParallelBatches | None = None
    ) -> None:
        self.tokens = tokens
        self._rows = rows
        self.parallel = parallel or ParallelBatches()

    def run(
        self, lengths: Sequence[int], forward: Forward, done: Callable[[Sequence[int]], None]
    ) -> Vectors:
        """Embed ``n ≥ 1`` texts.

        Args:
            lengths: Tokens of each text.
            forward: Embeds some of them; called from several threads at once where
                batches run in parallel.
            done: Called in the calling thread with the indices of each finished batch.

        Returns:
            Vectors in the order of ``lengths``, shape ``(n, d)``.

        Raises:
            EngineError: If the memory does not suffice for one text alone.
            Exception: What ``forward`` raises.
        """
        vectors: Vectors | None = None
        rest = list(range(len(lengths)))
        while rest:
            packed = pack([lengths[index] for index in rest], self.tokens, self._rows)
            batches = [[rest[place] for place in places] for places in packed]
            finished: set[int] = set()
            errors: dict[int, Exception] = {}
            for place, outcome in self.parallel.run(forward, batches):
                if isinstance(outcome, Exception):
                    errors[place] = outcome
                    continue
                if vectors is None:
                    vectors = np.empty((len(lengths), outcome.shape[1]), dtype=np.float32)
                batch = batches[place]
                vectors[batch] = outcome
                finished.update(batch)
                done(batch)
            for place in sorted(errors):
                error = errors[place]
                if not (isinstance(error, RuntimeError | MemoryError) and is_out_of_memory(error)):
                    raise error
            if errors:
                self._shrink([lengths[index] for index in batches[min(errors)]])
            rest = [index for index in rest if index not in finished]
        assert vectors is not None
        return vectors

    def _shrink(self, lengths: Sequence[int]) -> None:
        """Ask for half as much memory after a batch of texts of these lengths did not fit."""
        longest = max(lengths)
        if self.parallel.count > 1:
            self.parallel.count //= 2
        elif len(lengths) == 1:
            raise EngineError(
                f"out of memory with a single text of {longest} tokens",
                "lower --max-length, or free memory on the device",
            )
        else:
            self.tokens = max(longest, len(lengths) * longest // 2)
