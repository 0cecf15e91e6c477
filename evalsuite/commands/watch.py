"""``evalsuite watch``: each new checkpoint of a training is evaluated, checked and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evalsuite.commands.check import ready_baseline
from evalsuite.commands.requests import WatchRequest
from evalsuite.commands.stored import categories_of, stored_records
from evalsuite.commands.tracking import log_records, require_all
from evalsuite.commands.watch_checkpoint import CheckpointJudge
from evalsuite.console import say
from evalsuite.errors import CheckpointError, ExitCode, Interrupted, UsageError
from evalsuite.registry.load import Registry
from evalsuite.schema import Record
from evalsuite.store import Store, slug
from evalsuite.text import listed
from evalsuite.trackers.model import Alert
from evalsuite.watch.follow import Ends, follow, looking
from evalsuite.watch.hooks import CommandHook, Hook, WebHook, tell_all
from evalsuite.watch.models import Clock, Outcome, Pace, SystemClock, Wanted
from evalsuite.watch.queue import Queue
from evalsuite.watch.state import locked, place_of

if TYPE_CHECKING:
    from rich.console import Console

EVENT_VERSION: Final = 1
WORST_FIRST: Final = (
    ExitCode.REGRESSION,
    ExitCode.CHECKPOINT,
    ExitCode.TASK_FAILED,
    ExitCode.DATA,
    ExitCode.MISSING,
    ExitCode.SUSPECT,
    ExitCode.INCONCLUSIVE,
)
"""Of several checkpoints with different exit codes, the watch ends with the first of these."""
LOOKED_FOR: Final = "folders such as checkpoint-500 or step_500 are looked for (docs/watch.md)"


def watch_command(
    folder: Path,
    request: WatchRequest,
    console: Console,
    clock: Clock | None = None,
    pace: Pace | None = None,
    ended: Callable[[], bool] = lambda: False,
) -> ExitCode:
    """``evalsuite watch``: follow a training until one of the ends that were asked for.

    Args:
        folder: Where the training writes its checkpoints.
        request: What was asked for.
        console: Where results are shown.
        clock: Tells the time; the machine's without one.
        pace: How often to look.
        ended: Says whether the training has ended; what is there is evaluated then.

    Returns:
        The worst exit code of the checkpoints: with ``--once``, of those of this call, otherwise
        of all that this watch has evaluated.

    Raises:
        EvalsuiteError: For what is not there or not valid; nothing has been evaluated then.
    """
    folder = folder.expanduser().absolute()
    clock, pace = clock or SystemClock(), pace or Pace()
    require_all(request.log)
    hooks_of(request)  # a wrong address is said before anything is evaluated
    registry = Registry.load(request.tasks_dirs)
    suite = registry.suite(_suite_name(request))
    stored_records(request.results, needed=False)  # one that cannot be read is refused now
    _require_folder(folder, request)
    place = place_of(Store(request.results), folder, suite.name, *_baseline_settings(request))
    with locked(place, folder):
        queue = _queue(folder, place, request, clock, pace, console)
        say(console, f"watching {folder} with the suite {suite.name}; state in {place}")
        try:
            with looking(queue, pace):
                request = _with_baseline(request, folder, console)
            judge = CheckpointJudge(
                request=request,
                suite=suite,
                reports=reports_of(folder, request),
                console=console,
                intact=queue.intact,
                earlier=[*queue.outcomes],
            )
            ends = Ends(request.once, request.until, request.timeout, ended)
            why = follow(queue, judge, _teller(judge, folder, registry), ends, clock, pace)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; what is finished is kept in {request.results}",
                "the same command goes on from there",
            ) from None
        return _conclude(judge, why, queue)


def _teller(judge: CheckpointJudge, folder: Path, registry: Registry) -> Callable[[Outcome], None]:
    """What is done after each checkpoint: show it, and call the hooks."""
    hooks = hooks_of(judge.request)

    def tell(outcome: Outcome) -> None:
        show(outcome, judge, registry)
        _log(outcome, judge, registry)
        event = event_of(outcome, folder, judge)
        tell_all(hooks, event, lambda line: say(judge.console, line, "yellow"))

    return tell


def _log(outcome: Outcome, judge: CheckpointJudge, registry: Registry) -> None:
    """Send an evaluated checkpoint to the trackers, its verdict as an alert."""
    request = judge.request
    if outcome.result != "evaluated" or not request.log or outcome.fingerprint is None:
        return
    good = outcome.exit_code == ExitCode.OK
    log_records(
        request.log,
        judge.records({outcome.fingerprint}),
        judge.suite,
        registry,
        request.results,
        judge.console,
        alert=Alert(title=f"evalsuite: {outcome.name}", text=outcome.line, good=good),
    )


def reports_of(folder: Path, request: WatchRequest) -> Path:
    """The folder for the table, the curve and the verdicts of a watch."""
    return request.reports / "watch" / slug(folder.name)


def _queue(
    folder: Path,
    place: Path,
    request: WatchRequest,
    clock: Clock,
    pace: Pace,
    console: Console,
) -> Queue:
    def note(line: str) -> None:
        say(console, line, "yellow")

    wanted = Wanted(every=request.every, until=request.until, latest=request.latest)
    pickles = request.checkpoint_options.allow_pickle
    return Queue(folder, place, wanted, clock, pace, note, allow_pickle=pickles)


def hooks_of(request: WatchRequest) -> list[Hook]:
    """What is told after each checkpoint.

    Raises:
        UsageError: For an address that is not one.
    """
    return [*map(CommandHook, request.hooks), *map(WebHook, request.webhooks)]


def event_of(outcome: Outcome, folder: Path, judge: CheckpointJudge) -> dict[str, Any]:
    """What hooks are told about a checkpoint."""
    plain = outcome.model_dump(mode="json", exclude={"key", "told"})
    return {
        "version": EVENT_VERSION,
        "folder": str(folder),
        "suite": judge.suite.name,
        "baseline": judge.request.baseline,
        "reports": str(judge.reports.absolute()),
        **plain,
    }


def show(outcome: Outcome, judge: CheckpointJudge, registry: Registry) -> None:
    """Print a checkpoint's row and verdict; write the table and the curve of all so far."""
    from evalsuite.report.render import to_terminal
    from evalsuite.results.tables.build import build_table
    from evalsuite.results.tables.without_notes import without_notes

    categories = categories_of(registry)
    if outcome.result == "evaluated":
        records = judge.records({one.fingerprint for one in judge.earlier} | {outcome.fingerprint})
        own = [one for one in records if one.checkpoint.fingerprint == outcome.fingerprint]
        if own:
            row = build_table(own, judge.suite, categories=categories)
            judge.console.print(to_terminal(without_notes(row)))
        _write(records, judge, categories)
    green = "bold green" if outcome.result == "evaluated" else "yellow"
    style = green if outcome.exit_code == ExitCode.OK else "bold red"
    say(judge.console, f"{outcome.name}: {outcome.line}", style)


def _write(
    records: Sequence[Record], judge: CheckpointJudge, categories: Mapping[str, str | None]
) -> None:
    from evalsuite.report.plots import draw
    from evalsuite.report.write import write_all
    from evalsuite.results.tables.build import build_table

    write_all(records, judge.suite, judge.reports, categories=categories)
    table = build_table(records, judge.suite, categories=categories)
    steps = {record.checkpoint.fingerprint: record.checkpoint.step for record in records}
    try:
        draw("steps", table, steps, judge.reports / "steps.svg", judge.reports / "steps.png")
    except UsageError:  # a curve needs two steps
        return


def _suite_name(request: WatchRequest) -> str:
    if not request.checks:
        return request.suite or "smoke"
    return request.check("candidate", baseline=request.baseline or "").policy.suite


def _baseline_settings(request: WatchRequest) -> list[str | None]:
    """What the baseline adds to the name of a watch's state."""
    window = request.baseline_window
    return [request.baseline, *([] if window is None else [f"mean of {window}"])]


def _require_folder(folder: Path, request: WatchRequest) -> None:
    """Refuse a folder that is not there, unless it may be waited for.

    Raises:
        UsageError: If that is so.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "name the folder that the training writes to")
    if not folder.exists() and (request.once or request.timeout is None):
        raise UsageError(
            f"{folder} is not there",
            "start the training first, or give --timeout SECONDS to wait for it",
        )


def _with_baseline(request: WatchRequest, folder: Path, console: Console) -> WatchRequest:
    """The request, once all scores of the baseline are stored.

    A baseline that lies in the watched folder is named by its fingerprint from here on: the
    training may delete it.
    """
    if request.baseline is None:
        return request
    path = Path(request.baseline).expanduser().absolute()
    if path.is_relative_to(folder) and not path.exists():  # deleted since an earlier call
        for record in stored_records(request.results, needed=False):
            if Path(record.checkpoint.source).absolute() == path:
                return _with_fingerprint(request, record)
    side = ready_baseline(request.check("candidate"), console)
    first = next(iter(side.records.values()), None)
    if first is None or not path.is_relative_to(folder):
        return request
    return _with_fingerprint(request, first)


def _with_fingerprint(request: WatchRequest, record: Record) -> WatchRequest:
    return request.model_copy(update={"baseline": record.checkpoint.fingerprint[:16]})


def _conclude(judge: CheckpointJudge, why: str, queue: Queue) -> ExitCode:
    """Say what the watch has found; return its exit code.

    Raises:
        CheckpointError: If there was no checkpoint at all.
    """
    once = judge.request.once
    if not queue.outcomes and not once:
        hint = queue.incomplete[0] if queue.incomplete else LOOKED_FOR
        raise CheckpointError(f"{why}: no complete checkpoint has appeared", hint)
    # Of a folder that was written anew, the last one counts.
    last = {one.path: one for one in (judge.outcomes if once else queue.outcomes)}
    outcomes = list(last.values())
    for line in queue.incomplete:
        say(judge.console, f"not evaluated: {line}", "yellow")
    done = sum(one.result == "evaluated" for one in outcomes)
    red = [one.name for one in outcomes if one.exit_code != ExitCode.OK]
    plural = "" if done == 1 else "s"
    said = f"{done} checkpoint{plural} evaluated, {len(red)} red" + (
        f" ({listed(red)})" if red else ""
    )
    say(judge.console, f"\n{why}: {said}", "bold")
    codes = {one.exit_code for one in outcomes}
    return next((code for code in WORST_FIRST if code in codes), ExitCode.OK)
