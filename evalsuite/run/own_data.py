"""Files of tasks on own data are checked before a model is loaded, once for each content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from evalsuite.data import files_info
from evalsuite.errors import EvalsuiteError
from evalsuite.files import read_cache, write_cache
from evalsuite.kinds.table import kind_of
from evalsuite.kinds.task import Task
from evalsuite.paths import cache_dir
from evalsuite.run.plan import Plan
from evalsuite.schema import digest

CHECKS: Final = 1
"""Raised when more is checked: files that passed before are checked again."""


def with_refusals(plan: Plan) -> Plan:
    """A plan whose jobs on files that cannot be scored are refused: the others go on.

    Raises:
        DataError: If nothing else is left: for the first row that cannot be scored, with file
            and line.
        UsageError: The same, for a template that does not fit a row.
    """
    errors: dict[str, EvalsuiteError] = {}
    for task in {job.task.name: job.task for job in plan.jobs if job.todo}.values():
        try:
            check_files(task, plan.options.data_root)
        except EvalsuiteError as error:
            errors[task.name] = error
    if not errors:
        return plan
    jobs = tuple(
        replace(job, refused=errors.get(job.task.name)) if job.todo else job for job in plan.jobs
    )
    if not any(job.todo or job.record for job in jobs):
        raise next(iter(errors.values()))
    return replace(plan, jobs=jobs)


def check_files(task: Task, root: Path | None) -> None:
    """Check a task's own data; files that passed are remembered by their content.

    Args:
        task: The task.
        root: Folder of local data sets; ``None`` for the hub.

    Raises:
        DataError: For the first row that cannot be scored, with file and line.
        UsageError: For a template that does not fit a row.
    """
    task = kind_of(task).with_files(task, root)
    if task.data is None:
        return
    info = files_info(task.data)
    if info.source == "built-in":
        return
    key = digest([CHECKS, task.definition(), info.datasets])
    passed = cache_dir() / "checked" / f"{key[:32]}.json"
    if not read_cache(passed):
        kind_of(task).check_data(task)
        write_cache(passed, {"task": task.name})
