"""Texts and vectors on their way through the watched encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.protocols import Progress, Rendered, Vectors
from evalsuite.errors import EngineError
from evalsuite.kinds.mteb.checked_encoder import SAMPLE, CheckedEncoder, check_rendered
from helpers.tiny_lm import make_tiny_lm


class Letters:
    """A vector is the counts of some letters; a token is a letter, behind some fixed ones."""

    version = "letters 1"

    def __init__(self, start: tuple[int, ...] = (0,)) -> None:
        self.start = start

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        if prefix == "same":
            return np.ones((len(texts), 5), dtype=np.float32)
        return np.array([[text.count(c) for c in "a0123"] for text in texts], dtype=np.float32)

    def render(self, text: str, prefix: str = "") -> Rendered:
        tokens = (prefix + text).replace("^", "\0")
        return Rendered(text=prefix + text, token_ids=(*self.start, *map(ord, tokens)))

    def close(self) -> None:
        pass


TEXTS = [f"{n} and {n % 7}" for n in range(4 * SAMPLE)]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return make_tiny_lm(tmp_path)


def test_vectors_pass_and_each_prefix_is_looked_at_alone() -> None:
    watched = CheckedEncoder(Letters())
    assert (watched.encode(TEXTS) == Letters().encode(TEXTS)).all()
    assert watched.suspicions() == ()
    watched.encode(TEXTS, "same")
    [suspicion] = watched.suspicions()
    assert suspicion.what.startswith(f"{SAMPLE} different texts behind 'same' have nearly")


def test_vectors_of_zeros_are_counted_whatever_their_number_and_marked() -> None:
    watched = CheckedEncoder(Letters())
    watched.encode([*TEXTS, "###", "?"])
    watched.encode(["9999"], "behind ")
    watched.encode(["9999"], "xyz ")
    [suspicion] = watched.suspicions()
    assert suspicion.code == "zero-embeddings"
    assert suspicion.what == (f"4 of {len(TEXTS) + 4:,} vectors are all zeros, the first of '###'")


def test_repeated_texts_are_no_collapse() -> None:
    watched = CheckedEncoder(Letters())
    watched.encode(["1"] * 100)
    watched.encode(["1"] * 100)
    assert watched.suspicions() == ()


def test_two_bos_are_refused(checkpoint: Checkpoint) -> None:
    encoder = Letters()
    check_rendered(encoder, checkpoint, [encoder.render("text", "prefix ")])
    with pytest.raises(EngineError, match=r"^double-bos: '\^prefix text' begins"):
        check_rendered(encoder, checkpoint, [encoder.render("text", "^prefix ")])
    # Without a BOS of its own there is none too many.
    plain = Letters(start=())
    check_rendered(plain, checkpoint, [plain.render("text", "^")])


def test_tokens_without_an_embedding_are_refused(checkpoint: Checkpoint) -> None:
    encoder = Letters()
    rows = json.loads((checkpoint.path / "config.json").read_text())["vocab_size"]
    check_rendered(encoder, checkpoint, [encoder.render(chr(rows - 1))])
    with pytest.raises(EngineError, match=f"^vocabulary-mismatch: .* has the token {rows}, but"):
        check_rendered(encoder, checkpoint, [encoder.render(chr(rows))])
