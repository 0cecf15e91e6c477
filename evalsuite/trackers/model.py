"""What a tracker gets, as plain data."""

from __future__ import annotations

import importlib.util
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.schema import Frozen

TRACKERS: Final = ("wandb", "mlflow", "trackio")
"""Names of the trackers, of their packages and of evalsuite's extras."""
PROJECT: Final = "evalsuite"
"""Project that is logged to unless another one is named."""


class Target(Frozen):
    """Where to log: what ``--log wandb:project`` says."""

    tracker: Literal["wandb", "mlflow", "trackio"]
    project: str = PROJECT

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        name, _, project = given.partition(":")
        if name not in TRACKERS:
            raise UsageError(f"there is no tracker {name!r}", did_you_mean(name, TRACKERS))
        return {"tracker": name, "project": project or PROJECT}

    def require(self) -> None:
        """Refuse a tracker whose package is not installed, before anything is evaluated.

        Raises:
            UsageError: If so.
        """
        if importlib.util.find_spec(self.tracker) is None:
            raise UsageError(
                f"--log {self.tracker} needs the package {self.tracker}",
                f"pip install 'evalsuite[{self.tracker}]'",
            )


class Samples(Frozen):
    """Samples of a task as a table of texts."""

    task: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """One a sample, one text a column."""


class Alert(Frozen):
    """A verdict."""

    title: str
    text: str
    good: bool


class Tracked(Frozen):
    """What is logged of one checkpoint: one step of a run in a tracker."""

    series: str
    """Name of the run in the tracker; the checkpoints of one training share it."""
    step: int | None = None
    """Training step of the checkpoint; ``None`` where its name carries none."""
    config: dict[str, str] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)
    """``TASK/METRIC`` → value as tables show it; ``average/SECTION`` → mean."""
    samples: tuple[Samples, ...] = ()
    alert: Alert | None = None
    files: tuple[str, ...] = ()
    """Paths of files to keep: the page, the verdict."""
