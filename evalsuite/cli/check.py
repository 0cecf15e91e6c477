"""``evalsuite check`` and ``evalsuite baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalsuite.cli.options import Results, SuiteName, TasksDir, console, takes, typed_option
from evalsuite.cli.options import registry as load_registry
from evalsuite.options import BASELINES

if TYPE_CHECKING:
    from evalsuite.commands.requests import CheckRequest

Baselines = Annotated[Path, typed_option(BASELINES)]

baseline_app = typer.Typer(
    help="Set aside scores that later checkpoints are checked against.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@takes("evalsuite.commands.requests:CheckRequest")
def check(request: CheckRequest) -> None:
    """Say whether a checkpoint regressed; the exit code is the verdict."""
    from evalsuite.commands.check import check_command

    raise typer.Exit(int(check_command(request, console())))


@baseline_app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="Name of the baseline; replaced if there is one.")],
    run: Annotated[str, typer.Argument(help="Name of a checkpoint in --out, or a store.")],
    suite: SuiteName = None,
    out: Results = Path("results"),
    baselines: Baselines = Path("baselines"),
    tasks_dir: TasksDir = None,
) -> None:
    """Copy a checkpoint's scores and samples under a name."""
    from evalsuite.commands.check import set_command

    registry = load_registry(tasks_dir)
    chosen = registry.suite(suite) if suite else None
    made = set_command(name, run, chosen, out, baselines)
    typer.echo(f"baseline {name}: {made.tasks} scores of {made.checkpoint} in {baselines / name}")


@baseline_app.command("list")
def list_(baselines: Baselines = Path("baselines")) -> None:
    """List the baselines."""
    from evalsuite.results.check.baselines import baselines as stored

    found = stored(baselines)
    if not found:
        typer.echo(f"no baseline in {baselines}; evalsuite baseline set NAME CHECKPOINT")
    for one in found:
        suite = one.suite or "all tasks"
        typer.echo(f"{one.name}  {one.checkpoint}  {suite}  {one.tasks} scores  {one.created:%F}")


@baseline_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the baseline.")],
    baselines: Baselines = Path("baselines"),
) -> None:
    """Show a baseline's scores and how they came to be; checks that no file has changed."""
    from evalsuite.metrics import metric_of
    from evalsuite.results.check.baselines import load_baseline

    baseline, _, records = load_baseline(baselines, name)
    typer.echo(f"{baseline.checkpoint} {baseline.fingerprint[:16]}, set {baseline.created:%F %R}")
    for record in records:
        shown = metric_of(record).factor * (record.score or 0.0)
        typer.echo(f"{shown:8.2f}  {record.signature.short()}")
