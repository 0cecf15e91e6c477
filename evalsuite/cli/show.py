"""``evalsuite table`` and ``evalsuite plot``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import (
    AsJson,
    Checkpoints,
    Results,
    SuiteName,
    Tasks,
    TasksDir,
    console,
    refuse_form,
)
from evalsuite.cli.options import registry as load_registry
from evalsuite.errors import UsageError
from evalsuite.layouts import Convention, FigureKind, LayoutName
from evalsuite.options import names


class Format(StrEnum):
    """Formats of ``evalsuite table``."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    CSV = "csv"


Sort = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Sort by a column, best first: Avg, or Embedding/Avg where there are two.",
    ),
]
NoNotes = Annotated[
    bool,
    typer.Option(
        "--no-notes", help="Leave out the notes, but for those on scores that are suspect."
    ),
]

WithoutInDomain = Annotated[
    bool,
    typer.Option(
        "--without-in-domain", help="Averages without tasks that a checkpoint was trained on."
    ),
]


Ties = Annotated[
    bool,
    typer.Option(
        "--ties",
        help="Show the ranks that each score may have, and groups that cannot be told apart.",
    ),
]


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
    ckpt: Checkpoints = None,
    tasks: Tasks = None,
    sort: Sort = None,
    no_notes: NoNotes = False,
    without_in_domain: WithoutInDomain = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Show standard errors.")] = False,
    ties: Ties = False,
    decimals: Annotated[int, typer.Option(min=0, max=6, help="Decimals of scores.")] = 1,
    as_json: AsJson = False,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Print the table of stored scores."""
    from evalsuite.commands.show import Shown, table_command, table_view

    refuse_form(format_.value, as_json=as_json)
    chosen = names(tasks) or ()
    if chosen and (suite or layout):
        raise UsageError("--tasks is instead of a suite or layout", "leave one of them out")
    registry = load_registry(tasks_dir)
    name, view = table_view(
        suite,
        layout,
        convention,
        with_published=with_published,
        without_in_domain=without_in_domain,
    )
    shown = Shown(
        view=view,
        checkpoints=tuple(ckpt or ()),
        tasks=chosen,
        sort=sort,
        decimals=decimals,
        stderr=stderr,
        ties=ties,
        notes=not no_notes,
    )
    form = "json" if as_json else format_.value
    chosen_suite = registry.suite(name) if name else None
    code = table_command(out, registry, chosen_suite, form, console(), shown)
    raise typer.Exit(int(code))


def plot(
    figure: Annotated[
        Path, typer.Argument(metavar="FIGURE", help="File to write: .svg, .pdf or .png.")
    ],
    kind: Annotated[
        FigureKind | None,
        typer.Option(
            help="scatter: embedding against generative average; bars: each column with its "
            "interval; heat: checkpoint by column; steps: over training steps; forest: "
            "differences from a baseline. Default: scatter where both averages are there, else "
            "bars.",
            show_default=False,
        ),
    ] = None,
    suite: SuiteName = None,
    ckpt: Checkpoints = None,
    tasks: Tasks = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of a forest plot; the default is the first row of the table."
        ),
    ] = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Draw stored scores: averages, bars, heat map, training steps or differences."""
    from evalsuite.commands.show import plot_command

    chosen = names(tasks) or ()
    if chosen and suite:
        raise UsageError("--tasks is instead of a suite", "leave one of them out")
    registry = load_registry(tasks_dir)
    drawn = plot_command(
        out,
        registry,
        suite,
        figure,
        kind=kind,
        baseline=baseline,
        checkpoints=ckpt or (),
        tasks=chosen,
    )
    typer.echo(f"wrote {figure} ({drawn})")
