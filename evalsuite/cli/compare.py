"""``evalsuite compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.completion import complete_stored
from evalsuite.cli.options import AsJson, Results, SuiteName, TasksDir, console, refuse_form
from evalsuite.cli.options import registry as load_registry
from evalsuite.cli.show import Format


def compare(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="BASELINE CANDIDATE…",
            help="Names as in the table.",
            autocompletion=complete_stored,
        ),
    ],
    suite: SuiteName = None,
    margin: Annotated[
        float | None,
        typer.Option(min=0, help="Points within which a candidate counts as equivalent."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Forest plot to write: .svg, .pdf or .png.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Form of the table.")] = (
        Format.TERMINAL
    ),
    decimals: Annotated[int, typer.Option(min=0, max=6, help="Decimals of scores.")] = 1,
    as_json: AsJson = False,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Compare checkpoints with a baseline, sample by sample."""
    from evalsuite.commands.compare import compare_command

    refuse_form(format_.value, as_json=as_json)
    registry = load_registry(tasks_dir)
    code = compare_command(
        out,
        registry,
        registry.suite(suite) if suite else None,
        checkpoints,
        console(),
        margin=margin,
        figure=figure,
        form="json" if as_json else format_.value,
        decimals=decimals,
    )
    raise typer.Exit(int(code))
