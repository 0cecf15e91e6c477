"""Which layout a table has, which metrics it shows, and what stands beside the stored scores."""

from __future__ import annotations

from dataclasses import dataclass

from evalsuite.layouts import Convention, LayoutName
from evalsuite.registry.suites import Suite
from evalsuite.results.published import PublishedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a table shows of a suite."""

    layout: LayoutName | None = None
    """``None``: the suite's own, or all of its columns."""
    convention: Convention | None = None
    """``None``: the suite's."""
    published: PublishedTable | None = None
    """Published rows that stand above the others."""
    without_in_domain: bool = False
    """Whether averages leave out the tasks that any of the checkpoints was trained on."""

    def convention_for(self, suite: Suite | None) -> Convention:
        """The convention that counts in a table of ``suite``."""
        return self.convention or (suite.convention if suite else "paper")
