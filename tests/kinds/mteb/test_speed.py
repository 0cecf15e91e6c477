"""The faster classification gives what mteb's own gives."""

from __future__ import annotations

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks.classification import AbsTaskClassification

from evalsuite.kinds.mteb.speed import with_fast_labels


def test_the_same_rows_are_drawn_in_every_experiment() -> None:
    kind = type(mteb.get_task("Banking77Classification"))
    stock, fast = kind(seed=7), with_fast_labels(kind)(seed=7)
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c", "rare"], 300, p=[0.5, 0.3, 0.19, 0.01]).tolist()
    data = Dataset.from_dict({"text": [str(i) for i in range(300)], "label": labels})
    orders: list[list[int] | None] = [None, None]
    for experiment in range(10):
        drawn = []
        for side, task in enumerate((stock, fast)):
            rows, orders[side], chosen = task._undersample_data(data, experiment, orders[side])
            drawn.append((rows["text"][:], list(chosen)))
        assert drawn[0] == drawn[1]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_same_metrics_come_out(classes: int) -> None:
    kind = type(mteb.get_task("Banking77Classification"))
    rng = np.random.default_rng(1)
    truth, guess = rng.integers(0, classes, (2, 100))
    column = Dataset.from_dict({"label": truth.tolist()})["label"]
    assert with_fast_labels(kind)()._calculate_scores(column, guess) == (
        kind()._calculate_scores(column, guess)
    )


def test_a_task_that_draws_in_its_own_way_is_left_alone() -> None:
    kind = type(mteb.get_task("Banking77Classification"))

    class Own(kind):  # type: ignore[misc, valid-type]
        def _undersample_data(self, *args: object) -> None:
            raise NotImplementedError

    assert with_fast_labels(Own) is Own
    assert with_fast_labels(type(mteb.get_task("STS12"))) is type(mteb.get_task("STS12"))
    assert issubclass(with_fast_labels(kind), AbsTaskClassification)
