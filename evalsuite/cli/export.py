"""``evalsuite export``: stored scores in the file formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import Checkpoints, Results, Tasks, TasksDir
from evalsuite.cli.options import registry as load_registry
from evalsuite.options import names


def export(
    format_: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT", help="eee, mteb, lm-eval, inspect, hub, csv, parquet or json."
        ),
    ],
    dest: Annotated[
        Path, typer.Argument(metavar="DEST", help="Folder to write to; of hub, the model's.")
    ],
    suite: Annotated[
        str | None, typer.Option("--suite", help="Suite; the default is all stored tasks.")
    ] = None,
    ckpt: Checkpoints = None,
    tasks: Tasks = None,
    card: Annotated[
        Path | None,
        typer.Option(
            "--card",
            metavar="README.md",
            help="Of hub: a model card that gets the scores; the rest of it stays as it is.",
        ),
    ] = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Write stored scores in the format of another tool.

    Files that are there are replaced. Scores that are missing, and what a format has no place for,
    are listed; nothing is made up for them. Ends with 1 if a score is missing.
    """
    from evalsuite.commands.export import export_command

    code = export_command(
        format_,
        dest,
        out,
        load_registry(tasks_dir),
        suite=suite,
        checkpoints=ckpt or (),
        tasks=names(tasks) or (),
        card=card,
        say=typer.echo,
    )
    raise typer.Exit(int(code))
