"""What a stage is: named checks, each of which gives numbers, or says why it cannot or did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Numbers: TypeAlias = dict[str, float | int | str]
Check: TypeAlias = tuple[str, Callable[[], Numbers]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how large the stages run."""

    device: Literal["cuda", "cpu"]
    tiny: bool
    """Small models and few texts; figures of speed are then no goals."""
    scratch: Path
    """Folder for models and stores; empty at first."""

    @property
    def goals(self) -> bool:
        """Whether speed and memory have to reach their goals."""
        return self.device == "cuda" and not self.tiny


class SkippedError(Exception):
    """This cannot be looked at here, and why."""


class FailedError(Exception):
    """What was found is not what it must be.

    Args:
        why: In words.
        numbers: What was measured.
    """

    def __init__(self, why: str, numbers: Numbers | None = None) -> None:
        super().__init__(why)
        self.numbers = numbers or {}


def require(holds: bool, why: str, numbers: Numbers | None = None) -> None:
    """Fail a check unless something holds."""
    if not holds:
        raise FailedError(why, numbers)
