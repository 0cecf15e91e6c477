"""``evalsuite table`` and ``evalsuite plot``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import Results, SuiteName, TasksDir, console
from evalsuite.cli.options import registry as load_registry
from evalsuite.layouts import Convention, LayoutName


class Format(StrEnum):
    """Formats of ``evalsuite table``."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    CSV = "csv"


def table(
    suite: SuiteName = None,
    layout: Annotated[
        LayoutName | None,
        typer.Option("--layout", help="Layout of the GRIT paper; implies its suite."),
    ] = None,
    with_published: Annotated[
        bool, typer.Option("--with-published", help="Put the paper's rows above the others.")
    ] = False,
    convention: Annotated[
        Convention | None,
        typer.Option(
            help="Metric that counts: the paper's, or the leaderboard's. Default: the suite's.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Form of the table.")] = (
        Format.TERMINAL
    ),
    stderr: Annotated[bool, typer.Option("--stderr", help="Show standard errors.")] = False,
    decimals: Annotated[int, typer.Option(min=0, max=6, help="Decimals of scores.")] = 1,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Print the table of all stored scores."""
    from evalsuite.commands.show import table_command, table_view

    registry = load_registry(tasks_dir)
    name, view = table_view(
        suite,
        layout,
        convention,
        with_published=with_published,
    )
    code = table_command(
        out,
        registry,
        registry.suite(name) if name else None,
        format_.value,
        console(),
        stderr=stderr,
        decimals=decimals,
        view=view,
    )
    raise typer.Exit(int(code))


def plot(
    figure: Annotated[Path, typer.Argument(help="File to write: .svg, .pdf or .png.")],
    suite: SuiteName = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Draw generative against embedding average, as in the GRIT paper's Figure 1."""
    from evalsuite.commands.show import plot_command

    registry = load_registry(tasks_dir)
    plot_command(out, registry, registry.suite(suite or "smoke"), figure)
    typer.echo(f"wrote {figure}")
