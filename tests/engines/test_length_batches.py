"""Batches: budget, order, lack of memory."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.engines.length_batches import HalvingBudget, LengthBatcher, pack
from evalsuite.engines.parallel_batches import ParallelBatches
from evalsuite.errors import EngineError


@pytest.fixture(autouse=True)
def small_heap() -> Iterator[None]:
    """After lack of memory all garbage is collected: what other tests have left is not looked at.

    In a process that has imported all libraries one collection takes seconds.
    """
    gc.freeze()
    yield
    gc.unfreeze()


lengths_of_texts = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@given(lengths=lengths_of_texts, tokens=st.integers(1, 200), rows=st.integers(1, 20))
def test_batches_hold_each_text_once_within_the_budget(
    lengths: list[int], tokens: int, rows: int
) -> None:
    batches = pack(lengths, tokens, rows)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert len(batch) <= rows
        assert len(batch) * longest <= tokens or len(batch) == 1
    flat = [lengths[index] for batch in batches for index in batch]
    assert flat == sorted(flat, reverse=True)


def test_batches_are_filled() -> None:
    assert pack([5, 10, 5, 10, 5], tokens=20, rows=99) == [[1, 3], [0, 2, 4]]
    assert pack([1] * 5, tokens=1000, rows=2) == [[0, 1], [2, 3], [4]]


@given(lengths=lengths_of_texts, tokens=st.integers(1, 200))
def test_batches_of_equal_length_hold_each_text_once_and_no_padding(
    lengths: list[int], tokens: int
) -> None:
    batches = pack(lengths, tokens, equal=True)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        (length,) = {lengths[index] for index in batch}
        assert len(batch) * length <= tokens or len(batch) == 1
    assert sorted(map(sorted, pack([3, 5, 3, 5, 3, 9], 6, equal=True))) == [
        [0, 2],
        [1],
        [3],
        [4],
        [5],
    ]


class Memory:
    """A device with room for so many padded tokens; the vector of text ``i`` is ``(i, 2i)``."""

    def __init__(self, lengths: Sequence[int], room: int, error: Exception) -> None:
        self.lengths, self.room, self.error = lengths, room, error
        self.sizes: list[int] = []
        self.finished: list[int] = []

    def forward(self, batch: Sequence[int]) -> np.ndarray:
        size = len(batch) * max(self.lengths[index] for index in batch)
        self.sizes.append(size)
        if size > self.room:
            raise self.error
        return np.array([[index, 2 * index] for index in batch], dtype=np.float32)


def out_of_memory_errors() -> list[Exception]:
    import torch

    return [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 400000000000 bytes."
        ),
        RuntimeError("not enough memory: you tried to allocate 17179869184 bytes."),
        MemoryError(),
    ]


@pytest.mark.parametrize("error", out_of_memory_errors(), ids=lambda error: type(error).__name__)
def test_lack_of_memory_halves_the_budget_for_good(error: Exception) -> None:
    lengths = [3, 8, 5, 8, 2, 7, 8, 8, 1]
    memory = Memory(lengths, room=16, error=error)
    batcher = LengthBatcher(tokens=64)
    vectors = batcher.run(lengths, memory.forward, memory.finished.extend)
    assert vectors.tolist() == [[index, 2 * index] for index in range(len(lengths))]
    assert sorted(memory.finished) == list(range(len(lengths)))
    # 8 texts of length 8 are asked for, then half of it, and then half of that fits.
    assert memory.sizes[:3] == [64, 32, 16]
    assert batcher.tokens == 16
    assert max(memory.sizes[2:]) <= 16


def test_a_real_torch_allocation_that_fails_is_recognised() -> None:
    import torch

    def forward(batch: Sequence[int]) -> np.ndarray:
        if len(batch) > 1:
            torch.empty(1 << 60, dtype=torch.float32)
        return np.zeros((len(batch), 1), dtype=np.float32)

    assert LengthBatcher(tokens=8).run([4, 4], forward, lambda _: None).shape == (2, 1)


def test_one_text_that_does_not_fit_is_an_error() -> None:
    memory = Memory([40], room=16, error=MemoryError())
    with pytest.raises(EngineError, match=r"a single text of 40 tokens \(MemoryError\(\)\); lower"):
        LengthBatcher(tokens=64).run([40], memory.forward, lambda _: None)


def test_what_the_gpu_says_of_its_memory_is_handed_on() -> None:
    said = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 80.00 GiB, 1.25 GiB are free."
    memory = Memory([40], room=16, error=RuntimeError(f"{said}\nSee the documentation"))
    expected = re.escape(f"a single text of 40 tokens ({said}); lower --max-length")
    with pytest.raises(EngineError, match=expected):
        LengthBatcher(tokens=64).run([40], memory.forward, lambda _: None)
    with pytest.raises(EngineError, match=expected):
        HalvingBudget(tokens=64).run([40], lambda _: memory.finished.extend(memory.forward([0])))


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory() -> None:
    memory = Memory([4, 4], room=1, error=RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        LengthBatcher(tokens=64).run([4, 4], memory.forward, lambda _: None)
    assert len(memory.sizes) == 1


class Activations:
    """What a pass holds while it runs."""


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_retry_has_the_memory_of_the_pass_that_failed(parallel: int) -> None:
    held: list[weakref.ref[Activations]] = []
    alive: list[int] = []

    def forward(batch: Sequence[int]) -> np.ndarray:
        alive.append(sum(one() is not None for one in held))
        mine = Activations()
        held.append(weakref.ref(mine))
        if len(batch) > 1:
            raise RuntimeError("CUDA out of memory")
        return np.zeros((len(batch), 1), dtype=np.float32)

    batcher = LengthBatcher(tokens=64, parallel=ParallelBatches(parallel))
    assert batcher.run([8] * 8, forward, lambda _: None).shape == (8, 1)
    assert len(alive) > 8
    assert set(alive) <= set(range(parallel))


def test_the_libraries_words_for_no_memory_for_cublas() -> None:
    error = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(h)`")
    memory = Memory([4, 4], room=4, error=error)
    assert LengthBatcher(tokens=8).run([4, 4], memory.forward, lambda _: None).shape == (2, 2)


def test_a_budget_comes_back_after_enough_batches_that_fit() -> None:
    lengths = [8] * 8
    memory = Memory(lengths, room=16, error=MemoryError())
    batcher = LengthBatcher(tokens=64, restore_after=6)
    batcher.run(lengths, memory.forward, lambda _: None)
    assert batcher.tokens == 16, "four batches fitted since"
    memory.room = 64
    batcher.run(lengths, memory.forward, lambda _: None)
    assert batcher.tokens == 32
    for _ in range(9):
        batcher.run(lengths, memory.forward, lambda _: None)
    assert batcher.tokens == 64, "never more than at first"


def test_work_that_does_not_fit_is_done_in_halves_and_nothing_twice() -> None:
    done: list[int] = []
    sizes: list[int] = []

    def work(batch: list[int]) -> None:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise RuntimeError("CUDA out of memory")
        done.extend(batch)

    HalvingBudget(tokens=40).run([5] * 9, work, names=range(10, 19))
    assert sorted(done) == list(range(10, 19))
    assert sizes[:3] == [8, 4, 2]
    with pytest.raises(EngineError, match="single text of 99 tokens"):
        HalvingBudget(tokens=10).run([99], lambda _: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(RuntimeError, match="shape"):
        HalvingBudget(tokens=10).run([9], lambda _: (_ for _ in ()).throw(RuntimeError("shape")))
