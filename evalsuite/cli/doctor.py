"""``evalsuite doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import AsJson, Results, TasksDir, registry


def doctor(
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="EVALSUITE_DATA", help="Mirror to check file by file."),
    ] = None,
    out: Results = Path("results"),
    suite: Annotated[str, typer.Option("--suite", help="Suite to check for.")] = "smoke",
    tasks_dir: TasksDir = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="CKPT",
            help="Check only how far a checkpoint's scores depend on prefix caching and batches.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check versions, packages, engines, sandbox, data and disk; each line says what to do.

    Ends with a code other than 0 if a line says fail.
    """
    from evalsuite.commands.doctor import doctor_command, prefix_command

    say = None if as_json else typer.echo
    if prefix is not None:
        raise typer.Exit(int(prefix_command(prefix, say)))
    raise typer.Exit(int(doctor_command(registry(tasks_dir), suite, data, out, say)))
