"""What ``--log`` does after a run, a check and each checkpoint of a watch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.console import say
from evalsuite.errors import EvalsuiteError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.check.verdicts import CheckResult
from evalsuite.schema import Record
from evalsuite.store import Store
from evalsuite.trackers.model import Alert, Target

if TYPE_CHECKING:
    from rich.console import Console


def require_all(targets: Sequence[Target]) -> None:
    """Refuse trackers whose packages are not installed, before anything is evaluated.

    Raises:
        UsageError: For the first one.
    """
    for target in targets:
        target.require()


def log_records(
    targets: Sequence[Target],
    records: Sequence[Record],
    suite: Suite | None,
    registry: Registry,
    store: Path,
    console: Console,
    *,
    page: Path | None = None,
    alert: Alert | None = None,
) -> None:
    """Log scores, averages and samples of checkpoints; what fails is a line on the console.

    Args:
        targets: Where to; nothing is done without one.
        records: Of the checkpoints, all of one suite or set of tasks.
        suite: Gives averages.
        registry: For categories.
        store: Folder of the store, for samples.
        console: Where a failure is said.
        page: The report of the store is written here and kept as an artifact; ``None`` for none.
        alert: A verdict on the checkpoints.
    """
    from evalsuite.trackers.collect import tracked_records
    from evalsuite.trackers.send import send

    if not targets:
        return
    files = _page(store, registry, suite, page, console) if page else []
    tracked = tracked_records(records, suite, registry, Store(store), files)
    if alert:
        tracked = [one.model_copy(update={"alert": alert}) for one in tracked]
    for line in send(targets, tracked):
        say(console, line, "yellow")


def _page(
    store: Path, registry: Registry, suite: Suite | None, file: Path, console: Console
) -> list[Path]:
    from evalsuite.commands.report import report_command

    try:
        return [report_command(store, registry, suite, file=file)]
    except EvalsuiteError as error:
        say(console, f"no page for the tracker: {error.line}", "yellow")
        return []


def log_check(
    targets: Sequence[Target],
    result: CheckResult,
    store: Path,
    files: Sequence[Path],
    console: Console,
) -> None:
    """Log a verdict, with scores and differences by task.

    Args:
        targets: Where to; nothing is done without one.
        result: The verdict.
        store: Folder of the store; its records say the candidate's training step.
        files: Kept as artifacts.
        console: Where a failure is said.
    """
    from evalsuite.trackers.collect import tracked_check
    from evalsuite.trackers.send import send

    if targets:
        tracked = tracked_check(result, Store(store).records(), files)
        for line in send(targets, [tracked]):
            say(console, line, "yellow")
