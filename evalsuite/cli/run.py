"""``evalsuite run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalsuite.cli.interrupts import INTERRUPTS
from evalsuite.cli.options import console, takes
from evalsuite.redact import shown

if TYPE_CHECKING:
    from evalsuite.commands.requests import RunRequest


@takes("evalsuite.commands.requests:RunRequest")
def run(
    request: RunRequest,
    *,
    reports: Annotated[Path, typer.Option(help="Folder for the table and the figure.")] = Path(
        "reports"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and each rendered prompt, then stop.")
    ] = False,
) -> None:
    """Evaluate checkpoints; print the table, draw the figure."""
    INTERRUPTS.line = shown(
        f"interrupted; what is finished is kept in {request.results}; "
        "the same command goes on from there"
    )
    from evalsuite.commands.run import run_command

    raise typer.Exit(int(run_command(request, console(), reports, dry_run=dry_run)))
