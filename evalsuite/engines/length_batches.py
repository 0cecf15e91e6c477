"""Batches of texts of similar length, by a budget of tokens; the longest texts come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from evalsuite.engines.memory import free_after, is_out_of_memory
from evalsuite.engines.parallel_batches import Forward, ParallelBatches
from evalsuite.engines.protocols import Vectors
from evalsuite.errors import EngineError, first_line

ROWS: Final[dict[str, int]] = {"cpu": 256, "cuda": 2048}
"""Device → texts in one batch at most."""

TOKENS: Final[dict[str, int]] = {"cpu": 1024, "cuda": 16384}
"""Device → padded tokens in one batch. A CPU is fastest while the activations fit its caches. On a
GPU it is what sentence-transformers takes of texts of 512 tokens, 32 at a time: no more memory,
and enough rows to keep matrix products of any model busy."""

RESTORE_AFTER: Final[dict[str, int | None]] = {"cpu": None, "cuda": 64}
"""Device → batches in a row that must fit before a budget that was halved is doubled again: on a
GPU that others use too, memory comes back. ``None``: never."""


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


def halved(lengths: Sequence[int], error: str) -> int:
    """A budget for half as much memory, after a batch of texts of these lengths did not fit.

    Args:
        lengths: Tokens of each text.
        error: What the library said: how much it asked for, and how much was free.

    Raises:
        EngineError: If it was one text alone.
    """
    longest = max(lengths)
    if len(lengths) == 1:
        raise EngineError(
            f"out of memory with a single text of {longest} tokens ({error})",
            "lower --max-length, or free memory on the device",
        )
    return max(longest, len(lengths) * longest // 2)


def _lacks_memory(error: Exception) -> bool:
    return isinstance(error, RuntimeError | MemoryError) and is_out_of_memory(error)


class HalvingBudget:
    """Does work in batches; those that do not fit into memory are done again in smaller ones.

    Args:
        tokens: Padded tokens of a batch at first.
    """

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def run(
        self,
        lengths: Sequence[int],
        work: Callable[[list[int]], None],
        names: Sequence[int] | None = None,
    ) -> None:
        """Do all of it.

        Args:
            lengths: Tokens of each item.
            work: Called with the names of the items of each batch.
            names: Of the items; their indices where this is ``None``.

        Raises:
            EngineError: If the memory does not suffice for one item alone.
            Exception: What ``work`` raises.
        """
        rest = list(range(len(lengths)))
        while rest:
            finished: set[int] = set()
            for places in pack([lengths[index] for index in rest], self._tokens):
                batch = [rest[place] for place in places]
                try:
                    work(batch if names is None else [names[index] for index in batch])
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                    free_after(error)
                    self._tokens = halved([lengths[index] for index in batch], first_line(error))
                    break
                finished.update(batch)
            rest = [index for index in rest if index not in finished]


class LengthBatcher:
    """Embeds in batches; when memory runs out, in fewer at a time, and then in smaller ones.

    Args:
        tokens: Padded tokens of a batch at first.
        rows: Texts of a batch at most.
        parallel: Runs several batches at a time; without it, one after the other.
        restore_after: See :data:`RESTORE_AFTER`.

    Attributes:
        tokens: Padded tokens of a batch.
        parallel: What runs the batches.
    """

    def __init__(
        self,
        tokens: int,
        rows: int | None = None,
        parallel: ParallelBatches | None = None,
        restore_after: int | None = None,
    ) -> None:
        self.tokens = self._most = tokens
        self._rows = rows
        self.parallel = parallel or ParallelBatches()
        self._restore_after = restore_after
        self._fitted = 0

    @classmethod
    def on(cls, device: str, parallel: ParallelBatches | None = None) -> LengthBatcher:
        """With the limits of a device."""
        return cls(TOKENS[device], ROWS[device], parallel, RESTORE_AFTER[device])

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
            too_large: dict[int, str] = {}
            for place, outcome in self.parallel.run(forward, batches):
                if isinstance(outcome, Exception) and _lacks_memory(outcome):
                    free_after(outcome)
                    too_large[place] = first_line(outcome)
                    continue
                if isinstance(outcome, Exception):
                    errors[place] = outcome
                    continue
                if vectors is None:
                    vectors = np.empty((len(lengths), outcome.shape[1]), dtype=np.float32)
                batch = batches[place]
                vectors[batch] = outcome
                finished.update(batch)
                self._fitted += 1
                done(batch)
            if errors:
                raise errors[min(errors)]
            if too_large:
                first = min(too_large)
                self._shrink([lengths[index] for index in batches[first]], too_large[first])
            rest = [index for index in rest if index not in finished]
        self._restore()
        assert vectors is not None
        return vectors

    def _shrink(self, lengths: Sequence[int], error: str) -> None:
        """Ask for half as much memory after a batch of texts of these lengths did not fit."""
        self._fitted = 0
        if self.parallel.count > 1:
            self.parallel.count //= 2
        else:
            self.tokens = halved(lengths, error)

    def _restore(self) -> None:
        if self._restore_after is not None and self._fitted >= self._restore_after:
            self.tokens = min(self._most, 2 * self.tokens)
            self._fitted = 0
