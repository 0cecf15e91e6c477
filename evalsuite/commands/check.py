"""``evalsuite check`` and ``evalsuite baseline``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.checkpoint.models import CheckpointOptions
from evalsuite.checkpoint.several import may_be_adapter
from evalsuite.commands.early import EarlyRun
from evalsuite.commands.judging import Judging, early_run
from evalsuite.commands.requests import CheckRequest, RunRequest
from evalsuite.commands.run import evaluate_request
from evalsuite.commands.stored import categories_of
from evalsuite.commands.tracking import log_check, require_all
from evalsuite.console import print_document, say
from evalsuite.errors import ExitCode, Interrupted, StoreError, UsageError
from evalsuite.options import declared
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.report.files import write_whole
from evalsuite.results.candidates import Finder, is_store, only_row, scores_of_store
from evalsuite.results.check.baselines import Baseline, set_baseline
from evalsuite.results.check.verdicts import CheckResult, Verdict
from evalsuite.run.options import Request
from evalsuite.schema import Record
from evalsuite.settings import STEP_SUMMARY
from evalsuite.store import Store

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.results.compare.suite import Side

EXIT: dict[Verdict, ExitCode] = {
    "regression": ExitCode.REGRESSION,
    "missing": ExitCode.MISSING,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "suspect": ExitCode.SUSPECT,
}


def check_command(request: CheckRequest, console: Console, *, as_json: bool = False) -> ExitCode:
    """``evalsuite check``: run what is missing, compare, say the verdict, write it.

    Args:
        request: What to check.
        console: Where progress is shown, and the verdict unless it is printed as JSON.
        as_json: Whether the verdict is one JSON document on standard output.

    Raises:
        EvalsuiteError: For what is not there or not valid.
    """
    from evalsuite.report.check_result import headline, to_summary, verdict_table
    from evalsuite.report.render import to_terminal

    require_all(request.log)
    result = check(request, console)
    folder = request.reports / "check"
    code = write_verdict(result, folder)
    _append_summary(to_summary(result))
    log_check(request.log, result, request.results, [folder / "check.md"], console)
    if as_json:
        from evalsuite.documents.checks import check_document

        print_document(check_document(result, code))
        return code
    console.print()
    console.print(to_terminal(verdict_table(result)))
    style = "bold red" if result.blocking else "bold green"
    say(console, f"\n{headline(result)}", style)
    say(console, f"check.json  check.md  check.xml in {folder}")
    return code


def write_verdict(result: CheckResult, folder: Path) -> ExitCode:
    """Write ``check.json``, ``check.md`` and ``check.xml`` into a folder.

    Returns:
        The exit code of a check with this result.

    Raises:
        StoreError: If the folder cannot be written.
    """
    from evalsuite.report.check_result import to_json, to_junit, to_summary

    code = EXIT[result.blocking] if result.blocking else ExitCode.OK
    write_whole(folder / "check.json", to_json(result, int(code)).encode())
    write_whole(folder / "check.md", to_summary(result).encode())
    write_whole(folder / "check.xml", to_junit(result))
    return code


def check(request: CheckRequest, console: Console) -> CheckResult:
    """Compare a candidate with a baseline under a policy; evaluates what is not stored.

    Raises:
        EvalsuiteError: For what is not there or not valid.
    """
    registry = Registry.load(request.tasks_dirs)
    suite = registry.suite(request.policy.suite)
    categories = categories_of(registry)
    finder = _finder(request, registry, console)
    if not request.window:
        finder.refuse_unknown(request.baseline, baseline=True)
    finder.refuse_unknown(request.candidate)
    baseline = _baseline(finder, request)
    judging = Judging(request.policy, suite, categories, registry, baseline)
    if request.stop_early:
        judging.early = early_run(judging, request)
        evaluate = partial(_evaluate, request, console, early=judging.early)
        finder = replace(finder, evaluate=evaluate)
    candidate = finder.find(request.candidate)
    if not finder.evaluated:
        _refuse_unused(request.checkpoint_options)
    return judging.result(candidate)


def ready_baseline(request: CheckRequest, console: Console) -> Side:
    """Evaluate what is missing of the baseline, before there is a candidate.

    Args:
        request: The check to come; its candidate is not looked at.
        console: Where progress is shown.

    Raises:
        EvalsuiteError: For what is not there or not valid.
    """
    finder = _finder(request, Registry.load(request.tasks_dirs), console)
    finder.refuse_unknown(request.baseline, baseline=True)
    return _baseline(finder, request)


def _baseline(finder: Finder, request: CheckRequest) -> Side:
    """The baseline, evaluated if need be; or the mean of the last checkpoints up to it.

    Raises:
        EvalsuiteError: If there is no such baseline.
    """
    if request.window:
        return finder.find_mean_of(request.window)
    if request.baseline_window is not None:
        return finder.find_mean(request.baseline, request.baseline_window)
    return finder.find(request.baseline, baseline=True)


def _finder(request: CheckRequest, registry: Registry, console: Console) -> Finder:
    """What finds the sides of a check.

    Raises:
        UsageError: If the policy names a suite, task or category that is not there.
    """
    suite = registry.suite(request.policy.suite)
    categories = categories_of(registry)
    request.policy.check_names(
        suite.members, frozenset(c for task in suite.members if (c := categories.get(task)))
    )
    return Finder(
        suite=suite,
        categories=categories,
        results=request.results,
        baselines=request.baselines,
        evaluate=partial(_evaluate, request, console),
    )


def _refuse_unused(given: CheckpointOptions) -> None:
    """Refuse options of a checkpoint where both sides come from a store.

    Raises:
        UsageError: If there is one.
    """
    for one in declared(CheckpointOptions):
        if getattr(given, one.path[-1]) != one.field.default:
            raise UsageError(
                f"{one.flags[0]} changes nothing: the scores of both sides are stored already",
                "leave it out, or evaluate with it first: evalsuite run",
            )


def _evaluate(
    request: CheckRequest, console: Console, checkpoint: str, early: EarlyRun | None = None
) -> Sequence[Record]:
    """Evaluate what is missing of a checkpoint; all its records of the policy's suite."""
    given = {name: getattr(request, name) for name in Request.model_fields}
    if not may_be_adapter(checkpoint):  # --base is for the other side
        given["checkpoint_options"] = request.checkpoint_options.model_copy(update={"base": None})
    run = RunRequest(checkpoints=(checkpoint,), suite=request.policy.suite, **given)
    try:
        if early is not None:
            return early.evaluate(run, console)
        return evaluate_request(run, console).records
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; what is finished is kept in {run.results}",
            "the same command goes on from there",
        ) from None


def set_command(
    name: str,
    run: str,
    suite: Suite | None,
    results: Path,
    folder: Path,
) -> Baseline:
    """``evalsuite baseline set``: copy a checkpoint's scores and samples under a name.

    Raises:
        UsageError: If there are no such scores.
        StoreError: If the folder cannot be written.
    """
    whole = is_store(Path(run))
    store = Store(Path(run) if whole else results)
    scores = scores_of_store(store, suite, {})
    row = only_row(scores, Path(run)) if whole else scores.choose(run)
    return set_baseline(folder, name, row.records.values(), store, suite.name if suite else None)


def _append_summary(text: str) -> None:
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}", f"check or unset {STEP_SUMMARY}"
        ) from error
