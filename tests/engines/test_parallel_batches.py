"""Batches side by side: really at once, the first error, and only models that keep no state."""

from __future__ import annotations

import ast
import inspect
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from evalsuite.engines.length_batches import LengthBatcher
from evalsuite.engines.load import load_encoder
from evalsuite.engines.parallel_batches import (
    FAMILIES,
    ParallelBatches,
    Pending,
    can_run_side_by_side,
)
from evalsuite.errors import EngineError
from helpers.tiny_encoders import checkpoint, save_model

SOON = 10.0
"""Seconds after which what should have happened is taken to have failed."""


@pytest.fixture
def four_threads() -> Iterator[None]:
    """Four threads of torch, as on a machine with four cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def constant(batch: Sequence[int]) -> np.ndarray:
    return np.full((len(batch), 1), batch[0], dtype=np.float32)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(("count", "each"), [(2, 2), (4, 1)])
def test_batches_run_at_once_and_share_the_threads(count: int, each: int) -> None:
    meet = threading.Barrier(count)
    threads: list[int] = []

    def forward(batch: Sequence[int]) -> np.ndarray:
        # Passes only if as many batches are in here at the same time.
        meet.wait(SOON)
        threads.append(torch.get_num_threads())
        return constant(batch)

    batches = [[3 * place] for place in range(2 * count)]
    found: dict[int, Any] = dict(ParallelBatches(count).run(forward, batches))
    assert [found[place].ravel().tolist() for place in range(2 * count)] == batches
    assert threads == [each] * 2 * count
    assert torch.get_num_threads() == 4
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [4]


@pytest.mark.usefixtures("four_threads")
def test_a_lone_batch_has_all_threads() -> None:
    callers: list[tuple[int, threading.Thread]] = []

    def forward(batch: Sequence[int]) -> np.ndarray:
        callers.append((torch.get_num_threads(), threading.current_thread()))
        return constant(batch)

    assert len(list(ParallelBatches(4).run(forward, [[0, 1]]))) == 1
    assert callers == [(4, threading.current_thread())]


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_batch_that_fails_is_told_and_later_ones_are_not_begun(count: int) -> None:
    second_failed = threading.Event()
    begun: list[int] = []

    def forward(batch: Sequence[int]) -> np.ndarray:
        begun.append(batch[0])
        if batch[0] == 0:
            # Fails last, where batches run at once.
            if count > 1:
                second_failed.wait(SOON)
            raise ValueError("first")
        second_failed.set()
        raise ValueError("later")

    found = list(ParallelBatches(count).run(forward, [[place] for place in range(50)]))
    assert str(dict(found)[0]) == "first"
    assert len(begun) < 50
    with pytest.raises(ValueError, match="first"):
        LengthBatcher(1, parallel=ParallelBatches(count)).run([1] * 50, forward, lambda _: None)


class Gpu:
    """Computes behind the caller's back; remembers what it was given and what was waited for."""

    def __init__(self, refuses: int | None = None, fails: int | None = None) -> None:
        self.did: list[str] = []
        self._refuses, self._fails = refuses, fails

    def forward(self, batch: Sequence[int]) -> Pending:
        (place,) = batch
        self.did.append(f"given {place}")
        if place == self._refuses:
            raise RuntimeError(f"CUDA out of memory: {place}")

        def result() -> np.ndarray:
            self.did.append(f"waited {place}")
            if place == self._fails:
                raise ValueError(f"not finite: {place}")
            return constant(batch)

        return Pending(result)


def test_a_gpu_has_the_next_batch_before_the_vectors_of_this_one_are_waited_for() -> None:
    gpu = Gpu()
    vectors = LengthBatcher(1).run([1] * 3, gpu.forward, lambda _: gpu.did.append("done"))
    assert vectors.ravel().tolist() == [0, 1, 2]
    assert gpu.did == [
        *("given 0", "given 1", "waited 0", "done"),
        *("given 2", "waited 1", "done", "waited 2", "done"),
    ]


def test_what_a_gpu_has_begun_is_waited_for_before_an_error_is_told() -> None:
    batches = [[place] for place in range(9)]
    lacking = Gpu(refuses=2)
    found = dict(ParallelBatches().run(lacking.forward, batches))
    assert [str(found.pop(2)), *found] == ["CUDA out of memory: 2", 0, 1]
    assert lacking.did[-2:] == ["given 2", "waited 1"]

    failing = Gpu(fails=1)
    found = dict(ParallelBatches().run(failing.forward, batches))
    assert [str(found.pop(1)), *found] == ["not finite: 1", 0, 2]
    assert failing.did[-3:] == ["given 2", "waited 1", "waited 2"]

    last = dict(ParallelBatches().run(Gpu(fails=8).forward, batches))
    assert str(last.pop(8)) == "not finite: 8"
    assert list(last) == list(range(8))


def test_an_interrupt_ends_the_batches_that_run() -> None:
    begun: list[int] = []

    def forward(batch: Sequence[int]) -> np.ndarray:
        begun.append(batch[0])
        threading.Event().wait(0.01)
        return constant(batch)

    def interrupted(_: Sequence[int]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LengthBatcher(1, parallel=ParallelBatches(3)).run([1] * 50, forward, interrupted)
    assert len(begun) < 50
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stream")]


def test_lack_of_memory_means_fewer_at_a_time_before_smaller_ones() -> None:
    lock, used, seen = threading.Lock(), [0], []

    def forward(batch: Sequence[int]) -> np.ndarray:
        # Room for one batch of two texts at a time.
        with lock:
            used[0] += len(batch)
            over = used[0] > 2
            seen.append(len(batch))
        try:
            if over:
                raise MemoryError
            threading.Event().wait(0.01)
            return np.array([[place] for place in batch], dtype=np.float32)
        finally:
            with lock:
                used[0] -= len(batch)

    parallel = ParallelBatches(4)
    batcher = LengthBatcher(20, parallel=parallel)
    done: list[int] = []
    vectors = batcher.run([10] * 30, forward, done.extend)
    assert vectors[:, 0].tolist() == list(range(30))
    assert sorted(done) == list(range(30))
    assert parallel.count == 1
    assert batcher.tokens == 20
    assert set(seen) == {2}


def test_one_text_that_does_not_fit_alone_is_an_error_in_parallel_too() -> None:
    def forward(batch: Sequence[int]) -> np.ndarray:
        raise MemoryError

    with pytest.raises(EngineError, match="10 tokens"):
        LengthBatcher(20, parallel=ParallelBatches(4)).run([10] * 8, forward, lambda _: None)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_forward_passes_of_these_families_leave_the_model_as_it_is(family: str) -> None:
    """A canary: it reads transformers' source, and says when a new version must be looked at.

    No method that the body of such a model runs assigns to its object, or to the config.
    """
    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.for_model(family))
    assert can_run_side_by_side(model)
    kinds = {type(module) for module in model.modules()}
    own = {kind for kind in kinds if kind.__module__.startswith("transformers.models")}
    assert own
    for kind in own:
        tree = ast.parse(inspect.getsource(import_module(kind.__module__)))
        (body,) = (
            node
            for node in tree.body
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__
        )
        methods = {node.name: node for node in body.body if isinstance(node, ast.FunctionDef)}
        assert [ast.unparse(node) for node in _writes(methods.get("forward"))] == []


def _writes(method: ast.FunctionDef | None) -> Iterator[ast.AST]:
    """Assignments to parts of ``self``, and calls that do the same."""
    for node in ast.walk(method) if method else ():
        written: list[ast.expr] = []
        match node:
            case ast.Assign(targets=targets):
                written += targets
            case ast.AugAssign(target=changed) | ast.AnnAssign(target=changed):
                written.append(changed)
            case ast.Call(func=ast.Attribute(attr="register_buffer" | "__setattr__")):
                yield node
        for target in written:
            part: ast.AST = target
            while isinstance(part, ast.Attribute | ast.Subscript):
                part = part.value
            if part is not target and ast.unparse(part) == "self":
                yield node


class Counting(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Code of a checkpoint's own."""

    def forward(self, hidden: Any) -> Any:
        return hidden


@pytest.mark.parametrize(
    "changed",
    [
        {"family": "gpt2"},
        {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
    ],
    ids=["a family not read", "frequencies that follow the length"],
)
def test_other_models_run_one_batch_at_a_time(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = save_model(tmp_path, changed.pop("family", "llama"), **changed)
    assert not can_run_side_by_side(AutoModel.from_pretrained(path))
    encoder: Any = load_encoder(checkpoint(path), device="cpu", dtype="float32")
    assert encoder._batcher.parallel.count == 1


def test_code_of_the_checkpoint_runs_one_batch_at_a_time(tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(save_model(tmp_path, "bert"))
    assert can_run_side_by_side(model)
    assert not can_run_side_by_side(torch.nn.Sequential(model, Counting()))
    assert not can_run_side_by_side(torch.nn.Linear(2, 2))


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("family", ["llama", "mistral", "bert"])
def test_vectors_do_not_depend_on_how_many_run_at_once(tmp_path: Path, family: str) -> None:
    path = save_model(tmp_path, family)
    attention = None if family == "bert" else "bidirectional"
    encoder: Any = load_encoder(checkpoint(path, attention=attention), dtype="float32")
    texts = [f"{'word ' * (place % 11)}{place}" for place in range(200)]
    encoder._batcher = LengthBatcher(64)
    alone = encoder.encode(texts)
    parallel = ParallelBatches.of(encoder._model, "cpu")
    assert parallel.count == 4
    encoder._batcher = LengthBatcher(64, parallel=parallel)
    for _ in range(3):
        np.testing.assert_allclose(encoder.encode(texts), alone, rtol=0, atol=1e-6)
