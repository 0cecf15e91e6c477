"""``evalsuite results``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.completion import complete_stored
from evalsuite.cli.options import AsJson, Results, Tasks
from evalsuite.options import names

results_app = typer.Typer(
    help="List, remove, move and rename stored scores.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Named = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHECKPOINT",
        autocompletion=complete_stored,
        help="Names as in the table, patterns ('run-*'), or first digits of fingerprints.",
    ),
]


@results_app.command("ls")
def results_ls(
    checkpoints: Named = None,
    tasks: Tasks = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """List what is stored, by checkpoint and task."""
    from evalsuite.commands.results import chosen_records, listing
    from evalsuite.store import Store

    store = Store(out)
    records = chosen_records(store, checkpoints or (), names(tasks) or ())
    if as_json:
        from evalsuite.console import print_document
        from evalsuite.documents.stored import ResultsDocument, score_lines

        lines = score_lines(records)
        print_document(ResultsDocument(store=str(out), records=lines, problems=store.problems))
        return
    typer.echo("\n".join(listing(store, records)))


@results_app.command("rm")
def results_rm(
    checkpoints: Named = None,
    tasks: Tasks = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    out: Results = Path("results"),
) -> None:
    """Remove stored scores with their samples, after asking.

    With checkpoints and --tasks, the scores of these checkpoints on these tasks. Baselines and
    reports are kept.
    """
    from evalsuite.commands.results import chosen_records, listing, remove_command
    from evalsuite.errors import UsageError
    from evalsuite.store import Store

    if not checkpoints and not tasks:
        raise UsageError("results rm needs a checkpoint or --tasks", "all of them: '*'")
    store = Store(out)
    records = chosen_records(store, checkpoints or (), names(tasks) or ())
    if not yes:
        typer.echo("\n".join(listing(store, records)))
        if not sys.stdin.isatty():
            raise UsageError("nothing was removed: nobody can be asked here", "add --yes")
        if not typer.confirm(f"Remove {len(records)} records and their samples?"):
            typer.echo("nothing was removed")
            return
    typer.echo(remove_command(store, records))


@results_app.command("mv")
def results_mv(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="Name as in the table, or fingerprint.")
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="New name in tables and figures.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Store to move the scores to.")
    ] = None,
    tasks: Tasks = None,
    out: Results = Path("results"),
) -> None:
    """Rename a checkpoint, or move its scores to another store.

    A new name is shown in tables and figures; scores, samples and signatures stay as they are, and
    a later run finds them. Scores of a later run have the name of the checkpoint's folder again,
    and tables show the newest name: rename the folder too.
    """
    from evalsuite.commands.results import move_command
    from evalsuite.store import Store

    typer.echo(move_command(Store(out), checkpoint, name, to, names(tasks) or ()))
