"""A real engine whose requests a test can look at."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.engines.protocols import (
    Completion,
    Ended,
    GenerationRequest,
    Generator,
    Score,
    ScoreRequest,
)


class RecordingEngine:
    """Another generator that keeps what it was asked, and may fail after some calls.

    Args:
        inner: Gives the answers.
        calls: After so many it raises ``KeyboardInterrupt``; ``None``: never.
    """

    def __init__(self, inner: Generator, calls: int | None = None) -> None:
        self.inner = inner
        self.left = calls
        self.asked: list[GenerationRequest | ScoreRequest] = []
        self.version, self.max_length, self.wave = inner.version, inner.max_length, 2

    def _tick(self, requests: Sequence[GenerationRequest | ScoreRequest]) -> None:
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        self.asked.extend(requests)

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        self._tick(requests)
        return self.inner.generate(requests, ended)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        self._tick(requests)
        return self.inner.score(requests)

    def close(self) -> None:
        pass
