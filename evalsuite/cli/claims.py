"""``evalsuite claims``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evalsuite.cli.options import Results, TasksDir, console
from evalsuite.cli.options import registry as load_registry


class Page(StrEnum):
    """Forms of the page."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"


def claims(
    unified: Annotated[str, typer.Argument(help="Name of the unified checkpoint in --out.")],
    embedding_only: Annotated[
        str | None, typer.Option(help="Name of the one that was only trained to embed.")
    ] = None,
    generative_only: Annotated[
        str | None, typer.Option(help="Name of the one that was only trained to generate.")
    ] = None,
    suite: Annotated[str, typer.Option("--suite", help="Suite whose averages count.")] = "grit",
    margin: Annotated[float, typer.Option(min=0, help="Points that unifying may cost.")] = 1.0,
    format_: Annotated[Page, typer.Option("--format", help="Form of the page.")] = Page.TERMINAL,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Put the claims of the GRIT paper's abstract beside what was measured."""
    from evalsuite.commands.claims import claims_command

    registry = load_registry(tasks_dir)
    claims_command(
        out,
        registry,
        registry.suite(suite),
        unified,
        {"embedding": embedding_only, "generative": generative_only},
        console(soft_wrap=True),
        margin=margin,
        form=format_.value,
    )
