"""Training runs among checkpoints: those whose names differ in the step alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One training run: ``(step, index of its row)``, by step."""

    name: str
    places: tuple[tuple[int, int], ...]


def training_runs(rows: Iterable[tuple[str, str, int | None]]) -> list[Series]:
    """The runs with at least two steps.

    Args:
        rows: Of each row the checkpoint's name, what sets the row apart from others of that
            checkpoint, and the training step.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for index, (checkpoint, apart, step) in enumerate(rows):
        if step is not None:
            stem = re.sub(rf"[\W_]*(?:checkpoint|step)?[\W_]*{step}(?!\d)", "", checkpoint)
            name = " / ".join(part for part in (stem, apart) if part)
            found.setdefault(name or "run", []).append((step, index))
    return [Series(name, tuple(sorted(at))) for name, at in found.items() if len(at) > 1]
