"""How an answer is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Decoding:
    """Settings of one generated answer; greedy unless ``temperature`` is above 0."""

    max_tokens: int
    stop: tuple[str, ...] = ()
    """Texts that end an answer; the end token's text always does."""
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""

    def recorded(self) -> dict[str, Any]:
        """The settings as records keep them."""
        return {
            "max_tokens": self.max_tokens,
            "stop": list(self.stop),
            "do_sample": self.temperature > 0,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }
