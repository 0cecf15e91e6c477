"""``evalsuite report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import Results, TasksDir
from evalsuite.cli.options import registry as load_registry


def report(
    others: Annotated[
        list[str] | None,
        typer.Argument(metavar="CANDIDATE…", help="After --compare: what to compare with it."),
    ] = None,
    suite: Annotated[
        str | None, typer.Option("--suite", help="Suite; the default is all tasks.")
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="BASELINE CANDIDATE…",
            help="Baseline and candidates. Default: the first row and the others, up to six.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Samples of each task in the page.")] = 20,
    file: Annotated[
        Path | None,
        typer.Option(help="File to write.  [default: reports/SUITE/report.html]"),
    ] = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Write one HTML file with tables, figures, samples and signatures."""
    from evalsuite.commands.report import report_command
    from evalsuite.errors import UsageError

    candidates = others or []
    if bool(compare) != bool(candidates):
        raise UsageError(
            "--compare takes a baseline and at least one candidate", "--compare BASELINE CANDIDATE"
        )
    registry = load_registry(tasks_dir)
    written = report_command(
        out,
        registry,
        registry.suite(suite) if suite else None,
        file=file,
        samples=samples,
        compare=[compare, *candidates] if compare else (),
    )
    typer.echo(f"wrote {written}")
