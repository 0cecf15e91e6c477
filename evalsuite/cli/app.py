"""All commands, and what their errors become.

Nothing heavy is imported at the top, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final, NoReturn

import typer

from evalsuite.cli.completion import asked_words
from evalsuite.cli.defaults import default_map
from evalsuite.cli.interrupts import INTERRUPTS
from evalsuite.cli.options import built, summary
from evalsuite.cli.readable import with_plain_help
from evalsuite.errors import EvalsuiteError, ExitCode
from evalsuite.redact import (
    RedactingFormatter,
    hide_secrets_in_tracebacks,
    redacted_traceback,
    shown,
)

COMMANDS: Final = {
    "run": ("run", "run"),
    "table": ("show", "table"),
    "plot": ("show", "plot"),
    "compare": ("compare", "compare"),
    "check": ("check", "check"),
    "watch": ("watch", "watch"),
    "report": ("report", "report"),
    "doctor": ("doctor", "doctor"),
    "claims": ("claims", "claims"),
    "tasks": ("tasks", "tasks_app"),
    "results": ("results", "results_app"),
    "baseline": ("check", "baseline_app"),
    "data": ("data", "data_app"),
    "import": ("imports", "import_app"),
    "schema": ("schema", "schema"),
    "export": ("export", "export"),
}
"""Module of this package, and name there, of each command and group of commands, as in the help."""

HELP: Final = """Evaluate checkpoints on embedding and generative tasks with one command.

\b
evalsuite run --ckpt demo:minilm                   a small real model on the suite smoke
evalsuite run --ckpt MODEL --suite NAME            your model; evalsuite tasks list has the names
evalsuite table --sort Embedding/Avg               what is stored, best first
evalsuite compare BASELINE CANDIDATE               sample by sample, with intervals
evalsuite COMMAND -h                               what a command takes
"""


def application(words: Sequence[str] | None = None) -> typer.Typer:
    """The command line that ``words`` need.

    Args:
        words: The arguments; ``None`` for all commands. Where they begin with a command, it is
            the only one to be imported and built: all of them are a tenth of the time of
            ``tasks list``. Otherwise all are there, with their help and without their options:
            that is all that the list of commands and ``No such command`` need.
    """
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(options)
    first = next((word for word in words or () if word not in ("--debug", "--")), None)
    wanted = [first] if first in COMMANDS else COMMANDS
    complete = words is None or first in COMMANDS
    for name in wanted:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(f"evalsuite.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(built(command) if complete else summary(command))
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        typer.echo(f"evalsuite {installed('evalsuite')}")
        raise typer.Exit


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
        asked = asked_words()
        given = sys.argv[1:] if asked is None else asked
        command = typer.main.get_command(application(given))
        with_plain_help(command)
        defaults = default_map(command, given)
        result = command(prog_name="evalsuite", standalone_mode=False, default_map=defaults)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.TyperException as error:
        # For a word outside a list, typer shows pydantic's message with its label.
        said = error.format_message()
        if said.startswith("Usage: "):  # a group without a command
            typer.echo(said)
            sys.exit(int(ExitCode.USAGE))
        words = " ".join(said.split()).replace("Value error, ", "").rstrip(".")
        if words.startswith("Got unexpected extra argument") and "--ckpt" in sys.argv:
            # The shell has put names in the place of a pattern.
            _fail(f"{words}; quote a pattern: --ckpt 'runs/*'", ExitCode.USAGE)
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
    if "--json" in sys.argv:
        from evalsuite.console import print_document
        from evalsuite.documents.base import ErrorDocument

        name = code.name.lower()
        print_document(ErrorDocument(exit_code=int(code), kind=name, message=shown(line)))
    if INTERRUPTS.pressed:
        if code is ExitCode.INTERRUPTED:
            INTERRUPTS.line = shown(line)
        INTERRUPTS.end()
    typer.echo(f"evalsuite: {shown(line)}", err=True)
    sys.exit(int(code))
