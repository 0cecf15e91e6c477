"""Evaluating the candidate of a check that may end tasks, or all of itself, early."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import evaluate_prepared, prepare
from evalsuite.kinds.task import Task
from evalsuite.results.check.early import EarlyRules
from evalsuite.results.check.verdicts import TaskVerdict
from evalsuite.schema import Record

if TYPE_CHECKING:
    from rich.console import Console

Judge = Callable[[Sequence[Record]], Sequence[TaskVerdict]]
"""The verdicts on what was evaluated so far."""


@dataclass(slots=True)
class EarlyRun:
    """One candidate's evaluation under rules.

    Args:
        rules: When tasks end early.
        judge: Gives verdicts on the tasks that are never stopped.
    """

    rules: EarlyRules
    judge: Judge
    ended_by: str | None = None
    """The task whose regression has ended the check."""

    def evaluate(self, request: RunRequest, console: Console) -> list[Record]:
        """Evaluate what is not stored; the records of what was run, and of what was stored.

        Raises:
            EvalsuiteError: For what is not there or not valid.
        """
        stopping = self.rules.stopping
        options = request.options.model_copy(update={"stopping": stopping})
        run = request.model_copy(update={"options": options})
        prepared = prepare(run)
        found: list[Record] = []
        try:
            for part in self._parts(prepared.tasks):
                some = prepared.model_copy(update={"tasks": part})
                found += evaluate_prepared(some, run, console).records
                self.ended_by = stopping.ended_by() or self._red(found)
                if self.ended_by:
                    break
        finally:
            if stopping.red is not None:
                stopping.red.unlink(missing_ok=True)
        return found

    def _parts(self, tasks: Sequence[Task]) -> list[tuple[Task, ...]]:
        """What is run at a time: where a regression ends the check, the cheaper half first."""
        stopping = self.rules.stopping
        if stopping.red is None:
            return [tuple(tasks)]
        halves = (
            tuple(task for task in tasks if task.name not in stopping.rules),
            tuple(task for task in tasks if task.name in stopping.rules),
        )
        return sorted(
            filter(None, halves),
            key=lambda half: sum(stopping.seconds.get(task.name, 0.0) for task in half),
        )

    def _red(self, found: Sequence[Record]) -> str | None:
        """A required task that is a regression, among those that ran to their end."""
        if self.rules.stopping.red is None:
            return None
        verdicts = self.judge(found)
        red = (one.task for one in verdicts if one.required and one.verdict == "regression")
        return next(red, None)


def red_file_name() -> str:
    """Name of the file by which a job ends the others; of this process alone."""
    return f"red-{os.getpid()}"
