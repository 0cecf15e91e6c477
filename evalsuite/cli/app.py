"""All commands, and what their errors become.

Nothing heavy is imported at the top, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated, NoReturn

import typer

from evalsuite.cli.check import baseline_app, check
from evalsuite.cli.claims import claims
from evalsuite.cli.compare import compare
from evalsuite.cli.data import data_app
from evalsuite.cli.doctor import doctor
from evalsuite.cli.imports import import_app
from evalsuite.cli.interrupts import INTERRUPTS
from evalsuite.cli.report import report
from evalsuite.cli.run import run
from evalsuite.cli.show import plot, table
from evalsuite.cli.tasks import tasks_app
from evalsuite.errors import EvalsuiteError, ExitCode
from evalsuite.redact import (
    RedactingFormatter,
    hide_secrets_in_tracebacks,
    redacted_traceback,
    shown,
)

app = typer.Typer(
    help="Evaluate checkpoints on embedding and generative tasks with one command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run)
app.command()(table)
app.command()(plot)
app.command()(compare)
app.command()(check)
app.command()(report)
app.command()(doctor)
app.command()(claims)
app.add_typer(tasks_app, name="tasks")
app.add_typer(baseline_app, name="baseline")
app.add_typer(data_app, name="data")
app.add_typer(import_app, name="import")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        typer.echo(f"evalsuite {installed('evalsuite')}")
        raise typer.Exit


@app.callback()
def options(
    # Read by call(): an error may come before this function is called.
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    # Eager: it needs no command.
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that all commands share."""


def call() -> NoReturn:
    """Do what the command line says: errors become one line and an exit code."""
    debug = "--debug" in sys.argv
    hide_secrets_in_tracebacks()
    notes = logging.StreamHandler()
    notes.setFormatter(RedactingFormatter("%(message)s"))
    logging.getLogger("evalsuite").addHandler(notes)
    logging.getLogger("evalsuite").setLevel(logging.INFO)
    try:
        result = app(standalone_mode=False)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.TyperException as error:
        # For a word outside a list, typer shows pydantic's message with its label.
        words = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
        _fail(f"{words}; see: evalsuite --help, evalsuite COMMAND --help", ExitCode.USAGE)
    except EvalsuiteError as error:
        if debug:
            typer.echo(redacted_traceback(error), err=True, nl=False)
        _fail(error.advice, error.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said in one line
        if debug:
            typer.echo(redacted_traceback(error), err=True, nl=False)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"internal error: {reason}; evalsuite --debug … shows where", ExitCode.INTERNAL)
    else:
        sys.exit(result if isinstance(result, int) else 0)


def _fail(line: str, code: ExitCode) -> NoReturn:
    if INTERRUPTS.heard:
        if code is ExitCode.INTERRUPTED:
            INTERRUPTS.line = shown(line)
        INTERRUPTS.end()
    typer.echo(f"evalsuite: {shown(line)}", err=True)
    sys.exit(int(code))
