"""``evalsuite data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import TasksDir, console, registry
from evalsuite.options import names

data_app = typer.Typer(help="Fetch, list and verify data sets.", no_args_is_help=True)

What = Annotated[str, typer.Argument(metavar="SUITE", help="Suite, or tasks: a,mteb:NAME.")]


@data_app.command("fetch")
def data_fetch(
    suite: What,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if need be.")],
    tasks_dir: TasksDir = None,
) -> None:
    """Download what a suite needs, for runs without a network.

    Data sets lie in DIR as the hub has them, at the revisions that the task files pin, with a
    manifest of hashes, revisions and licences. What is there is not fetched again.
    """
    from evalsuite.commands.data import fetch_command

    raise typer.Exit(int(fetch_command(registry(tasks_dir), names(suite), folder, console())))


@data_app.command("list")
def data_list(
    suite: What,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Say what is there.")
    ] = None,
    tasks_dir: TasksDir = None,
) -> None:
    """List the data sets that a suite reads; with DIR, whether they are there."""
    from evalsuite.commands.data import list_command

    raise typer.Exit(int(list_command(registry(tasks_dir), names(suite), folder, console())))


@data_app.command("verify")
def data_verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder made by data fetch.")],
) -> None:
    """Hash every file again and compare with the manifest."""
    from evalsuite.commands.data import verify_command

    raise typer.Exit(int(verify_command(folder, console())))
