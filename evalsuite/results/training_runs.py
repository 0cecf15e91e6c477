"""Training runs among checkpoints: those whose names differ in the step alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalsuite.errors import UsageError
from evalsuite.results.rows import RowPlan


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


def last_of_run(rows: Sequence[RowPlan], last: RowPlan, checkpoints: int) -> list[RowPlan]:
    """The last checkpoints of a training run, by step.

    Args:
        rows: Of a store.
        last: The last one, of ``rows``.
        checkpoints: How many.

    Raises:
        UsageError: If ``last`` is no step of a run, or there are fewer up to it.
    """
    at = next(index for index, row in enumerate(rows) if row is last)
    runs = training_runs((row.name, row.difference, _step(row)) for row in rows)
    steps = next(
        ([i for _, i in run.places] for run in runs if (_step(last), at) in run.places), []
    )
    upto = steps[: steps.index(at) + 1] if steps else []
    if len(upto) < checkpoints:
        what = f"{len(upto)} checkpoints of its training run up to it are" if upto else "no run is"
        raise UsageError(
            f"--baseline-window {checkpoints}: {last.name!r}: {what} stored",
            "evaluate more of them, or give a smaller number (3 or more)",
        )
    return [rows[index] for index in upto[-checkpoints:]]


def _step(row: RowPlan) -> int | None:
    """The training step, as the newest record has it."""
    newest = max(row.records.values(), key=lambda record: record.created)
    return newest.checkpoint.step
