"""What a job needs to know of the check that it may end early for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from evalsuite.schema import Frozen, digest

EARLY_LOOKS: Final = "early_looks"
"""Key of the details of a record that early looks did not decide: the rule's key and the p-value of
"no drop"."""


class StopRule(Frozen):
    """What a check asks of one task, and the baseline's samples of it."""

    task_hash: str
    data: str | None
    """Hash of the data that the baseline's score is from."""
    metric: str
    sign: int
    """1 where higher scores are better, -1 where lower ones are."""
    tolerance: float
    """Tolerated drop, in the metric's own unit (a fraction)."""
    significance: float
    tests: int
    """Tasks of the check: the chance of a false alarm is shared among them."""
    required: bool
    samples: tuple[str, ...]
    """Names of the baseline's samples."""
    scores: tuple[float, ...]
    """Of each sample, in ``[0, 1]``."""
    weights: tuple[float, ...]
    """What each counts for: the task's score is ``mean(weights · scores)``."""
    groups: tuple[str, ...] | None
    """What samples belong to that are not independent of each other."""

    @property
    def key(self) -> str:
        """Hash over all of it: 64 hex digits."""
        return digest(self.model_dump(mode="json"))


class Stopping(Frozen):
    """How a run may end tasks early."""

    rules: Mapping[str, StopRule]
    """Task → rule; tasks without one run to their end."""
    seconds: Mapping[str, float]
    """Task → what the baseline's evaluation took."""
    costs: Mapping[str, float] = {}
    """Task → seconds that the baseline's engine took for a sample. Tasks with cheap samples come
    first: after as many samples as another, their verdict is there sooner."""
    red: Path | None = None
    """A file that a job makes when a required task is a regression, with the task's name in it; the
    others then end. ``None`` if they go on."""

    def cost(self, task: str) -> float:
        """Engine seconds that a sample is expected to take; without an expectation, the most."""
        return self.costs.get(task, math.inf)

    def ended_by(self) -> str | None:
        """The task whose regression has ended the check."""
        if self.red is None:
            return None
        try:
            return self.red.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def end_with(self, task: str) -> None:
        """Have the other jobs end, if a regression is to end the check."""
        if self.red is not None:
            self.red.write_text(task, encoding="utf-8")
