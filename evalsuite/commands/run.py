"""``evalsuite run``, and the Python API's way in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.commands.requests import RunRequest
from evalsuite.commands.stored import categories_of, show_suspect
from evalsuite.commands.tracking import log_records, require_all
from evalsuite.console import print_document, say
from evalsuite.errors import ExitCode, Interrupted, UsageError
from evalsuite.kinds.shared.instruction_sets import NO_SETS
from evalsuite.kinds.table import kind_of, users_of
from evalsuite.kinds.task import Task
from evalsuite.registry.chosen import named_tasks, of_own_folders
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.run.job import Job
from evalsuite.run.plan import Plan
from evalsuite.run.run import RunResult
from evalsuite.schema import Frozen, Record
from evalsuite.store import Store, slug

if TYPE_CHECKING:
    from rich.console import Console

REPORTS = Path("reports")
AD_HOC = "tasks"
"""Name of the reports folder of a run that names its tasks instead of a suite."""


class FoundRequest(Frozen):
    """A request whose names have been found."""

    model_config = {"arbitrary_types_allowed": True}

    registry: Registry
    suite: Suite | None
    tasks: tuple[Task, ...]
    checkpoints: tuple[Checkpoint, ...]
    left_out: tuple[str, ...] = ()
    """What ``--ckpt`` also names and cannot be evaluated, a line each."""


def prepare(request: RunRequest) -> FoundRequest:
    """Find checkpoints, tasks and suite.

    Raises:
        EvalsuiteError: For what is not there or not valid; nothing has been written then.
    """
    from evalsuite.commands.checkpoints import find_checkpoints

    registry = Registry.load(request.tasks_dirs)
    suite, tasks = _find_tasks(request, registry)
    _refuse_unused(request, tasks)
    if request.quick:
        tasks = tuple(task.quickened() for task in tasks)
    root = request.options.data_root
    if root is not None and not root.is_dir():
        raise UsageError(f"--data {root} is not a folder", "give the folder with the datasets")
    instructions = request.checkpoint_options.instructions
    if instructions is not None and instructions not in NO_SETS:
        registry.instructions(instructions)  # a wrong name is said before what it would need
    found = find_checkpoints(request.checkpoints, request.checkpoint_options)
    checkpoints = found.checkpoints
    if request.original is not None:
        checkpoints = tuple(map(request.original.named, checkpoints))
    return FoundRequest(
        registry=registry,
        suite=suite,
        tasks=tasks,
        checkpoints=checkpoints,
        left_out=found.left_out,
    )


def _find_tasks(request: RunRequest, registry: Registry) -> tuple[Suite | None, tuple[Task, ...]]:
    """The suite, if one is run, and the tasks."""
    if request.suite:
        chosen: Suite | tuple[str, ...] = registry.suite(request.suite)
    elif request.tasks is not None:
        chosen = named_tasks(registry, request.tasks)
    else:
        chosen = of_own_folders(registry)
    suite = chosen if isinstance(chosen, Suite) else None
    names = chosen.tasks if isinstance(chosen, Suite) else chosen
    return suite, tuple(registry.task(name) for name in dict.fromkeys(names))


def _refuse_unused(request: RunRequest, tasks: Sequence[Task]) -> None:
    """Refuse what was asked for and would change nothing.

    Raises:
        UsageError: For the first such option.
    """
    used = frozenset[str]().union(*(kind_of(task).options for task in tasks))
    for option in sorted(request.options.model_fields_set - used):
        default = type(request.options).model_fields[option].default
        given = getattr(request.options, option) != default
        if given and (users := users_of(option)):
            raise UsageError(
                f"--{option.replace('_', '-')} changes nothing: none of the tasks is of kind "
                f"{' or '.join(users)}",
                "leave it out, or choose such tasks: evalsuite tasks list",
            )
    if request.options.limit_first and request.options.limit is None:
        raise UsageError("--limit-first changes nothing without --limit", "leave it out")
    if request.quick and not any(task.quick for task in tasks):
        raise UsageError(
            "--quick changes nothing: none of the tasks says 'quick' in its file",
            "leave it out, or use --limit",
        )


def run_command(
    request: RunRequest,
    console: Console,
    reports: Path = REPORTS,
    *,
    dry_run: bool = False,
    as_json: bool = False,
) -> ExitCode:
    """``evalsuite run``: evaluate, then show and write the table and the figure.

    Args:
        request: What to evaluate.
        console: Where to show progress and results.
        reports: Folder for the table and the figure.
        dry_run: Whether to show the plan and the prompts instead.
        as_json: Whether events are printed on standard output, a line of JSON each.
    """
    from evalsuite.run.event_lines import print_end
    from evalsuite.run.progress import duration

    started = time.monotonic()
    require_all(request.log)
    prepared = prepare(request)
    if dry_run:
        return _dry_run(prepared, request, console, as_json=as_json)
    try:
        result = evaluate_prepared(prepared, request, console, as_json=as_json)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; what is finished is kept in {request.results}",
            "the same command goes on from there",
        ) from None
    written = _report(result.records, prepared, console, reports)
    scored = sum(record.status == "scored" for record in result.records)
    drawn = " and figure" if any(path.suffix == ".svg" for path in written) else ""
    say(
        console,
        f"\n{scored} of {len(result.records)} scored in {duration(time.monotonic() - started)}; "
        f"records in {request.results}, table{drawn} in {written[0].parent}:",
    )
    say(console, "  " + "  ".join(path.name for path in written))
    for record in result.failed:
        line = f"failed: {record.checkpoint.name} {record.signature.task}: {record.reason}"
        say(console, line, "red")
    if result.missing:
        say(console, _missing_data(result.missing, prepared, request), "yellow")
    show_suspect(result.suspect, console)
    code = exit_code_of(result)
    of = prepared.suite, prepared.registry, request.results, console
    log_records(request.log, result.records, *of, page=written[0].parent / "report.html")
    if as_json:
        print_end(result, code, written)
    return code


def _dry_run(
    prepared: FoundRequest, request: RunRequest, console: Console, *, as_json: bool
) -> ExitCode:
    """Show the plan and the prompts."""
    from evalsuite.run import preview

    plan = _plan(prepared, request)
    _say_notes(prepared, plan, console)
    shown = preview.dry_run(plan)
    if as_json:
        from evalsuite.documents.events import Previewed
        from evalsuite.run.event_lines import print_plan

        print_plan(plan, _notes(prepared, plan))
        print_document(Previewed(text=shown.text))
    else:
        say(console, shown.text)
    _warn_outside(plan, console)
    return shown.exit_code


def exit_code_of(result: RunResult) -> ExitCode:
    """The exit code of a run with this result."""
    from evalsuite.run.records import failed_by_data

    if any(not failed_by_data(record) for record in result.failed):
        return ExitCode.TASK_FAILED
    if result.failed or result.missing:
        return ExitCode.DATA
    return ExitCode.SUSPECT if result.suspect else ExitCode.OK


def _missing_data(jobs: Sequence[Job], prepared: FoundRequest, request: RunRequest) -> str:
    lacking = sorted({name for job in jobs for name in job.missing})
    tasks = len({job.task.name for job in jobs})
    root = request.options.data_root
    line = f"no data for {tasks} tasks: {root} lacks {', '.join(lacking)}"
    if prepared.suite is None:
        return line
    return f"{line}; get it: evalsuite data fetch {prepared.suite.name} {root}"


def evaluate_request(request: RunRequest, console: Console) -> RunResult:
    """Find what was asked for, and evaluate what is not stored yet."""
    return evaluate_prepared(prepare(request), request, console)


def evaluate_prepared(
    prepared: FoundRequest,
    request: RunRequest,
    console: Console,
    *,
    as_json: bool = False,
    bar: bool = False,
) -> RunResult:
    """Evaluate what is not stored yet of a request whose names have been found.

    Args:
        prepared: What was found.
        request: What was asked for.
        console: Where progress is shown, unless it is shown otherwise.
        as_json: Whether events are printed on standard output, a line of JSON each.
        bar: Whether progress is a bar in a notebook.
    """
    from evalsuite.run.event_lines import EventLines, print_plan
    from evalsuite.run.notebook import NotebookBar
    from evalsuite.run.own_data import with_refusals
    from evalsuite.run.progress import listener
    from evalsuite.run.run import execute, store_skips
    from evalsuite.run.workers.executor import LocalExecutor

    store = Store(request.results)
    plan = with_refusals(_plan(prepared, request))
    store.prepare()
    store_skips(plan, store)
    _say_notes(prepared, plan, console)
    say(console, _summary(plan))
    _warn_outside(plan, console)
    if as_json:
        print_plan(plan, _notes(prepared, plan))
        return execute(plan, store, LocalExecutor(), EventLines())
    if bar:
        return execute(
            plan, store, LocalExecutor(), NotebookBar(sum(job.todo for job in plan.jobs))
        )
    with listener(console, plan) as display:
        return execute(plan, store, LocalExecutor(), display)


def _plan(prepared: FoundRequest, request: RunRequest) -> Plan:
    from evalsuite.run.plan import make_plan

    return make_plan(
        prepared.checkpoints,
        prepared.tasks,
        request.options,
        prepared.registry,
        Store(request.results),
    )


def _say_notes(prepared: FoundRequest, plan: Plan, console: Console) -> None:
    """Say what is left out, and what was chosen otherwise than usual for this machine."""
    for note in _notes(prepared, plan):
        say(console, note, "yellow")


def _notes(prepared: FoundRequest, plan: Plan) -> tuple[str, ...]:
    return (*prepared.left_out, *plan.options.notes)


def _warn_outside(plan: Plan, console: Console) -> None:
    """Say which tasks an instruction set has no entry for, a line a set."""
    from evalsuite.kinds.shared.instructions import outside_set_line

    lacking: dict[str, dict[str, None]] = {}
    for job in plan.jobs:
        if job.outside and not job.skip:
            lacking.setdefault(job.outside, {})[job.task.name] = None
    for set_, tasks in lacking.items():
        say(console, outside_set_line(set_, list(tasks)), "yellow")


def _summary(plan: Plan) -> str:
    todo = sum(job.todo for job in plan.jobs)
    stored = sum(job.record is not None for job in plan.jobs)
    skipped = sum(job.skip is not None for job in plan.jobs)
    refused = sum(job.refused is not None for job in plan.jobs)
    stale = sum(job.stale for job in plan.jobs)
    parts = [f"{todo} to run" + (f" ({stale} stale: the data changed)" if stale else "")]
    parts += [f"{stored} already stored"] if stored else []
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [f"{refused} refused"] if refused else []
    jobs = "1 job" if len(plan.jobs) == 1 else f"{len(plan.jobs)} jobs"
    return f"{jobs}: {', '.join(parts)}"


def _report(
    records: Iterable[Record],
    prepared: FoundRequest,
    console: Console,
    reports: Path,
) -> list[Path]:
    from evalsuite.report.render import to_terminal
    from evalsuite.report.write import write_all
    from evalsuite.results.tables.build import build_table

    found = list(records)
    categories = categories_of(prepared.registry)
    console.print()
    console.print(to_terminal(build_table(found, prepared.suite, categories=categories)))
    folder = reports / slug(prepared.suite.name if prepared.suite else AD_HOC)
    return write_all(found, prepared.suite, folder, categories=categories)
