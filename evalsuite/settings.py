"""What the environment of the process sets: every variable of evalsuite is named here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evalsuite.errors import UsageError


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a variable may set."""

    variable: str
    default: float
    unit: str
    least: float
    more_than_least: bool = False
    """Whether ``least`` itself is not allowed."""

    def value(self) -> float:
        """The number that the environment gives, or the default.

        Raises:
            UsageError: If the variable is not a number in the range.
        """
        given = os.environ.get(self.variable)
        if given is None:
            return self.default
        try:
            number = float(given)
        except ValueError:
            number = float("nan")
        enough = number > self.least or (number == self.least and not self.more_than_least)
        if not enough or number == float("inf"):
            limit = f"{self.least:g}"
            allowed = f"more than {limit}" if self.more_than_least else f"{limit} or more"
            raise UsageError(
                f"{self.variable}={given} is not valid", f"give {self.unit}, {allowed}"
            )
        return number


HUB_TIMEOUT: Final = Number("EVALSUITE_HUB_TIMEOUT", 30.0, "seconds", 0, more_than_least=True)
"""How long a request to the hub may wait for the next byte."""

PATIENCE: Final = Number("EVALSUITE_PATIENCE", 600.0, "seconds", 1)
"""How long a worker may be silent and idle before it is ended. The longest wait that is not a
fault is that of a client which a hub asks to come back in five minutes."""

VECTORS_GIB: Final = Number("EVALSUITE_VECTORS_GIB", 10.0, "GiB", 0)
"""Size of all cached vectors; beyond it, those unused for longest are removed."""

TRACKER_SECONDS: Final = Number("EVALSUITE_TRACKER_SECONDS", 120.0, "seconds", 1)
"""How long a tracker (``--log``) may take; then it is ended and the command goes on."""

CACHE: Final = "EVALSUITE_CACHE"
"""Folder for everything that can be computed again; see :func:`evalsuite.paths.cache_dir`."""

DATA: Final = "EVALSUITE_DATA"
"""Folder with data sets, as after ``--data``."""

TASK_DATA: Final = "EVALSUITE_TASK_DATA"
"""Further folders in which the data files of tasks may lie, separated as in ``PATH``."""

JUDGE_KEYS: Final = ("EVALSUITE_JUDGE_KEY", "OPENAI_API_KEY")
"""API key of the judge's endpoint: the first of these that is set."""

STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
"""File to which a job of GitHub Actions appends Markdown for its summary page."""


def paths(variable: str) -> list[Path]:
    """The folders that a variable lists, separated as in ``PATH``."""
    parts = os.environ.get(variable, "").split(os.pathsep)
    return [Path(part).expanduser() for part in parts if part]
