"""``evalsuite tasks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.completion import complete_names
from evalsuite.cli.options import AsJson, TasksDir, registry
from evalsuite.console import print_document

tasks_app = typer.Typer(help="List, show and validate tasks.", no_args_is_help=True)


@tasks_app.command("list")
def tasks_list(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help="Only what has it in its name, kind, category or description: sts, 'smoke-*'.",
        ),
    ] = None,
    tasks_dir: TasksDir = None,
    as_json: AsJson = False,
) -> None:
    """List suites and tasks: all, or those with some words."""
    from evalsuite.commands.tasks import overview, overview_document

    if as_json:
        print_document(overview_document(registry(tasks_dir), words or ()))
        return
    typer.echo(overview(registry(tasks_dir), words or ()))


@tasks_app.command("show")
def tasks_show(
    name: Annotated[str, typer.Argument(autocompletion=complete_names)],
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="EVALSUITE_DATA", help="Local data sets, to count samples."),
    ] = None,
    tasks_dir: TasksDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one task or suite as YAML, with what its harness says of it."""
    from evalsuite.commands.tasks import show, task_document

    if as_json:
        print_document(task_document(registry(tasks_dir), name, data))
        return
    typer.echo(show(registry(tasks_dir), name, data))


@tasks_app.command("validate")
def tasks_validate(
    folder: Annotated[Path | None, typer.Argument(help="Default: the built-in tasks.")] = None,
) -> None:
    """Check task files and the data files that they name."""
    from evalsuite.commands.tasks import validate

    typer.echo(validate(folder))


@tasks_app.command("new")
def tasks_new(
    type_: Annotated[
        str, typer.Argument(metavar="TYPE", help="Such as retrieval, beir, sts, generate, lm_eval.")
    ],
    folder: Annotated[Path, typer.Argument(help="The tasks folder to write to.")] = Path(
        "my-tasks"
    ),
) -> None:
    """Write a task of your own that runs as it is, with its data."""
    from evalsuite.commands.tasks_new import new_task

    typer.echo(new_task(type_, folder))
