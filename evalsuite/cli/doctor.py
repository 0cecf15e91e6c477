"""``evalsuite doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import Results, TasksDir, registry


def doctor(
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="EVALSUITE_DATA", help="Mirror to check file by file."),
    ] = None,
    out: Results = Path("results"),
    suite: Annotated[str, typer.Option("--suite", help="Suite to check for.")] = "smoke",
    tasks_dir: TasksDir = None,
) -> None:
    """Check versions, packages, engines, sandbox, data and disk; each line says what to do.

    Ends with a code other than 0 if a line says fail.
    """
    from evalsuite.commands.doctor import doctor_command

    raise typer.Exit(int(doctor_command(registry(tasks_dir), suite, data, out, typer.echo)))
