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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events as JSON lines; see evalsuite schema run.")
    ] = False,
) -> None:
    """Evaluate checkpoints; print the table, draw the figure."""
    if any(text.startswith("@") for text in request.checkpoints):
        from evalsuite.project.settings import expanded

        request = request.model_copy(update={"checkpoints": expanded(request.checkpoints)})
    INTERRUPTS.line = shown(
        f"interrupted; what is finished is kept in {request.results}; "
        "the same command goes on from there"
    )
    from evalsuite.commands.run import run_command

    show = console(stderr=as_json)
    code = run_command(request, show, reports, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(int(code))
