"""An encoder whose texts and vectors are looked at on their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Generic, TypeVar

import numpy as np

from evalsuite.checkpoint.folder import read_object
from evalsuite.checkpoint.models import Checkpoint, split_route
from evalsuite.engines.protocols import Encoder, EncoderOf, Progress, Rendered, Vectors
from evalsuite.engines.token_vectors import Embedded, one_each
from evalsuite.schema import Suspicion
from evalsuite.suspicions import collapsed, refused

Made = TypeVar("Made", bound="Embedded")

SAMPLE: Final = 512
"""Vectors that are kept for each prefix: a few MB, and milliseconds to compare."""


class CheckedEncoder(Generic[Made]):
    """Passes everything on, and remembers what shows that vectors are useless.

    It keeps the vectors of the first different texts of each prefix, and counts those of zeros.

    Args:
        inner: Computes the vectors.
    """

    def __init__(self, inner: EncoderOf[Made]) -> None:
        self._inner = inner
        self._seen: dict[str, dict[str, Vectors]] = {}
        self._vectors = 0
        self._zeros = 0
        self._first_zero = ""

    @property
    def version(self) -> str:
        return self._inner.version

    def render(self, text: str, prefix: str = "") -> Rendered:
        return self._inner.render(text, prefix)

    def close(self) -> None:
        self._inner.close()

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Made:
        vectors = self._inner.encode(texts, prefix, progress)
        looked_at = one_each(vectors)
        self._count_zeros(texts, looked_at)
        seen = self._seen.setdefault(prefix, {})
        for text, vector in zip(texts, looked_at, strict=True):
            if len(seen) >= SAMPLE:
                break
            if text not in seen:
                seen[text] = vector.copy()
        return vectors

    def suspicions(self) -> tuple[Suspicion, ...]:
        """What the vectors so far give reason to suspect."""
        alike = tuple(
            one
            for prefix, seen in self._seen.items()
            if seen
            for one in collapsed(
                np.stack(list(seen.values())),
                _described(prefix),
            )
        )
        return (*alike, *self._zero_vectors())

    def _count_zeros(self, texts: Sequence[str], vectors: Vectors) -> None:
        zeros = np.flatnonzero(~vectors.any(axis=1))
        if len(zeros) and not self._zeros:
            self._first_zero = texts[int(zeros[0])]
        self._vectors += len(vectors)
        self._zeros += len(zeros)

    def _zero_vectors(self) -> tuple[Suspicion, ...]:
        """Whether texts got a vector without a direction.

        Such a vector has no cosine. mteb counts it as 0.5 for pairs of texts and as 0 elsewhere.
        """
        if not self._zeros:
            return ()
        return (
            Suspicion(
                code="zero-embeddings",
                what=f"{self._zeros:,} of {self._vectors:,} vectors are all zeros, "
                f"the first of {self._first_zero[:40]!r}",
                next_step="check the checkpoint's weights, tokenizer and pooling (--pooling)",
            ),
        )


def _described(prefix: str) -> str:
    """Texts with a prefix, in words."""
    shown = split_route(prefix)[1].strip()[:40]
    return f"texts behind {shown!r}" if shown else "texts"


def check_rendered(encoder: Encoder, checkpoint: Checkpoint, examples: Iterable[Rendered]) -> None:
    """Refuse texts that do not reach the model as they were meant.

    What stands first for every text, an empty one too, is the tokenizer's BOS (or ``[CLS]``).

    Args:
        encoder: Renders texts.
        checkpoint: Its checkpoint.
        examples: What the model is given, of each side of a task.

    Raises:
        EngineError: With the code ``double-bos`` or ``vocabulary-mismatch``.
    """
    start = encoder.render("").token_ids[:1]
    rows = _embeddings(checkpoint)
    for example in examples:
        ids = example.token_ids
        if start and ids[:2] == start * 2:
            raise refused(
                "double-bos",
                f"{example.text[:40]!r} begins with two BOS tokens (number {start[0]})",
                "take the BOS out of the wrapper (--wrapper): the tokenizer puts one",
            )
        if rows is not None and max(ids, default=0) >= rows:
            raise refused(
                "vocabulary-mismatch",
                f"{example.text[:40]!r} has the token {max(ids):,}, but {checkpoint.name} has "
                f"{rows:,} embeddings",
                "copy the tokenizer files of the model it was trained from into it",
            )


def _embeddings(checkpoint: Checkpoint) -> int | None:
    """Tokens that a checkpoint has embeddings for, if its config says so."""
    size = read_object(checkpoint.path / "config.json").get("vocab_size")
    return size if isinstance(size, int) else None
