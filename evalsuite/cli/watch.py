"""``evalsuite watch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalsuite.cli.interrupts import INTERRUPTS
from evalsuite.cli.options import console, takes
from evalsuite.redact import shown

if TYPE_CHECKING:
    from evalsuite.commands.requests import WatchRequest


@takes("evalsuite.commands.requests:WatchRequest")
def watch(
    request: WatchRequest,
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that the training writes to.")
    ],
) -> None:
    """Evaluate each checkpoint of a training as it appears; the exit code is the worst verdict."""
    INTERRUPTS.line = shown(
        f"interrupted; what is finished is kept in {request.results}; "
        "the same command goes on from there"
    )
    from evalsuite.commands.watch import watch_command

    raise typer.Exit(int(watch_command(folder, request, console())))
