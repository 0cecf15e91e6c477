"""``evalsuite schema``."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def schema(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Of a document; without it, the names are listed."),
    ] = None,
) -> None:
    """Print the JSON Schema of what a command prints with --json."""
    from evalsuite.documents.schemas import json_schema, names_and_commands

    if name is None:
        typer.echo("\n".join(names_and_commands()))
    else:
        typer.echo(json.dumps(json_schema(name), indent=1))
