"""Embedding in two steps: progress, and vectors that are not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evalsuite.engines.batched_encoder import BatchedEncoder, PreparedTexts
from evalsuite.engines.length_batches import LengthBatcher
from evalsuite.engines.parallel_batches import Pending
from evalsuite.engines.protocols import Encoder, Rendered, Vectors
from evalsuite.errors import EngineError


class Lengths(BatchedEncoder):
    """The vector of a text is its length and a given number for one of the texts."""

    version = "lengths 1"
    dimension = 2

    def __init__(
        self, odd: str = "", value: float = 0.0, tokens: int = 99, *, later: bool = False
    ) -> None:
        self._model, self._batcher = object(), LengthBatcher(tokens)
        self._later = later
        self._odd, self._value = odd, value

    def render(self, text: str, prefix: str = "") -> Rendered:
        return Rendered(prefix + text, tuple(range(len(prefix + text))))

    def close(self) -> None:
        self._model = None

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        return [len(prefix + text) for text in texts], None

    def _forward(self, prepared: PreparedTexts, batch: Sequence[int]) -> Vectors | Pending:
        texts = [prepared.texts[index] for index in batch]
        rows = [[len(text), self._value if text == self._odd else 0.0] for text in texts]
        vectors = np.array(rows, dtype=np.float32)
        return Pending(lambda: vectors) if self._later else vectors


def test_vectors_in_the_order_of_the_texts_and_progress_for_each_batch() -> None:
    done: list[int] = []
    encoder = Lengths(tokens=4)
    assert isinstance(encoder, Encoder)
    vectors = encoder.encode(["a", "bbb", "cc", "a"], progress=done.append)
    assert vectors[:, 0].tolist() == [1, 3, 2, 1]
    assert done == [1, 2, 1]  # "bbb"; "cc" and "a" padded to 2 tokens each; "a"


def test_no_texts_have_no_vectors() -> None:
    assert Lengths().encode([]).shape == (0, 2)


@pytest.mark.parametrize("later", [False, True], ids=["cpu", "gpu"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_names_its_text(bad: float, *, later: bool) -> None:
    encoder = Lengths("the second text", bad, later=later)
    with pytest.raises(EngineError, match=r"^not-finite: .*'the second text'.*not finite"):
        encoder.encode(["first", "the second text", "third"])


def test_a_closed_encoder_says_that_it_has_no_weights() -> None:
    encoder = Lengths()
    encoder.close()
    with pytest.raises(EngineError, match="no weights"):
        encoder.encode(["a"])
