"""``evalsuite check`` and ``evalsuite baseline``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalsuite.cli.options import AsJson, Results, SuiteName, TasksDir, console, takes, typed_option
from evalsuite.cli.options import registry as load_registry
from evalsuite.console import print_document
from evalsuite.options import BASELINES

if TYPE_CHECKING:
    from evalsuite.commands.requests import CheckRequest
    from evalsuite.results.check.baselines import Baseline

Baselines = Annotated[Path, typed_option(BASELINES)]

baseline_app = typer.Typer(
    help="Set aside scores that later checkpoints are checked against.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@takes("evalsuite.commands.requests:CheckRequest")
def check(request: CheckRequest, *, as_json: AsJson = False) -> None:
    """Say whether a checkpoint regressed; the exit code is the verdict."""
    from evalsuite.commands.check import check_command

    code = check_command(request, console(stderr=as_json), as_json=as_json)
    raise typer.Exit(int(code))


@baseline_app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="Name of the baseline; replaced if there is one.")],
    run: Annotated[str, typer.Argument(help="Name of a checkpoint in --out, or a store.")],
    suite: SuiteName = None,
    out: Results = Path("results"),
    baselines: Baselines = Path("baselines"),
    tasks_dir: TasksDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy a checkpoint's scores and samples under a name."""
    from evalsuite.commands.check import set_command

    registry = load_registry(tasks_dir)
    chosen = registry.suite(suite) if suite else None
    made = set_command(name, run, chosen, out, baselines)
    if as_json:
        _print_baselines([made], baselines)
        return
    typer.echo(f"baseline {name}: {made.tasks} scores of {made.checkpoint} in {baselines / name}")


@baseline_app.command("list")
def list_(baselines: Baselines = Path("baselines"), as_json: AsJson = False) -> None:
    """List the baselines."""
    from evalsuite.results.check.baselines import baselines as stored

    found = stored(baselines)
    if as_json:
        _print_baselines(found, baselines)
        return
    if not found:
        typer.echo(f"no baseline in {baselines}; evalsuite baseline set NAME CHECKPOINT")
    for one in found:
        suite = one.suite or "all tasks"
        typer.echo(f"{one.name}  {one.checkpoint}  {suite}  {one.tasks} scores  {one.created:%F}")


@baseline_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the baseline.")],
    baselines: Baselines = Path("baselines"),
    as_json: AsJson = False,
) -> None:
    """Show a baseline's scores and how they came to be; checks that no file has changed."""
    from evalsuite.metrics import metric_of
    from evalsuite.results.check.baselines import load_baseline

    baseline, _, records = load_baseline(baselines, name)
    if as_json:
        from evalsuite.documents.checks import baseline_document

        print_document(baseline_document(baseline, records))
        return
    typer.echo(f"{baseline.checkpoint} {baseline.fingerprint[:16]}, set {baseline.created:%F %R}")
    for record in records:
        shown = metric_of(record).factor * (record.score or 0.0)
        typer.echo(f"{shown:8.2f}  {record.signature.short()}")


def _print_baselines(found: Sequence[Baseline], folder: Path) -> None:
    from evalsuite.documents.checks import BaselinesDocument, baseline_entry

    entries = [baseline_entry(one) for one in found]
    print_document(BaselinesDocument(folder=str(folder), baselines=entries))
