"""The command line: options, messages and exit codes; everything else is elsewhere.

Nothing heavy is imported at the top, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from evalsuite.errors import EvalsuiteError, ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.registry.load import Registry

app = typer.Typer(
    help="Evaluate checkpoints on embedding and generative tasks with one command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tasks_app = typer.Typer(help="List, show and validate tasks.", no_args_is_help=True)
app.add_typer(tasks_app, name="tasks")


class Format(StrEnum):
    """Formats of ``evalsuite table``."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    CSV = "csv"


Results = Annotated[
    Path, typer.Option("--out", "--results", help="Folder of the store.", show_default=True)
]
TasksDir = Annotated[
    list[Path] | None,
    typer.Option("--tasks-dir", help="Folder with further task files. May be repeated."),
]
SuiteName = Annotated[str | None, typer.Option("--suite", help="Suite; the default is smoke.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        typer.echo(f"evalsuite {installed('evalsuite')}")
        raise typer.Exit


@app.callback()
def options(
    # Read by main(): an error may come before this function is called.
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    # Eager: it needs no command.
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that all commands share."""


@app.command()
def run(
    ckpt: Annotated[
        list[str],
        typer.Option(
            "--ckpt",
            help="Folder, adapter, GGUF file, hub id, demo:minilm or demo:smollm2. Repeatable.",
        ),
    ],
    suite: SuiteName = None,
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", help="Tasks instead of a suite: a,mteb:STSBenchmark,lm_eval:NAME."),
    ] = None,
    tasks_dir: TasksDir = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="EVALSUITE_DATA",
            help="Folder with datasets in Hugging Face layout; no network is used then.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Test items of each task.")] = None,
    out: Results = Path("results"),
    reports: Annotated[Path, typer.Option(help="Folder for the table and the figure.")] = Path(
        "reports"
    ),
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Evaluate again what is already stored.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and each rendered prompt, then stop.")
    ] = False,
    engine: Annotated[
        Literal["vllm", "transformers"], typer.Option(help="Engine of generative tasks.")
    ] = "vllm",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Device.")] = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="Precision; auto: float32 to embed on a CPU, else bfloat16."),
    ] = "auto",
    kind: Annotated[
        Literal["sentence-transformers", "grit", "causal", "encoder", "generative"] | None,
        typer.Option("--as", help="What the checkpoint is, where detection errs."),
    ] = None,
    base: Annotated[str | None, typer.Option(help="Base of an adapter, if not its own.")] = None,
    protocol: Annotated[
        Literal["grit", "raw-llm", "sentence-transformers"] | None,
        typer.Option(help="Preset for the embedding options below."),
    ] = None,
    instructions: Annotated[
        str | None, typer.Option(help="Instruction set: e5, medi2 …, task, none or a YAML file.")
    ] = None,
    wrapper: Annotated[
        str | None,
        typer.Option(help="gritlm, zephyr, tulu, mistral, raw, or a template with {instruction}."),
    ] = None,
    attention: Annotated[
        Literal["bidirectional", "causal"] | None, typer.Option(help="Attention when embedding.")
    ] = None,
    pooling: Annotated[
        Literal["mean", "weighted_mean", "last", "cls"] | None, typer.Option(help="Pooling.")
    ] = None,
    normalize: Annotated[
        bool | None, typer.Option("--normalize/--no-normalize", help="L2-normalise embeddings.")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=8, help="Tokens after which a text to embed is cut.")
    ] = None,
    chat_template: Annotated[
        str | None, typer.Option(help="Jinja file, or none for base-model prompts.")
    ] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Load pickle weights: they can run code.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the checkpoint brings.")
    ] = False,
) -> None:
    """Evaluate checkpoints; print the table, draw the figure."""
    from evalsuite.checkpoint.models import CheckpointOptions
    from evalsuite.commands import RunRequest, run_command
    from evalsuite.run.plan import RunOptions

    if suite and tasks:
        raise UsageError("--suite and --tasks exclude each other", "give one of them")
    request = RunRequest(
        checkpoints=tuple(ckpt),
        suite=None if tasks else (suite or "smoke"),
        tasks=_names(tasks),
        tasks_dirs=tuple(tasks_dir or ()),
        results=out,
        reports=reports,
        checkpoint_options=CheckpointOptions(
            kind=kind,
            base=base,
            protocol=protocol,
            wrapper=wrapper,
            instructions=instructions,
            attention=attention,
            pooling=pooling,
            normalize=normalize,
            max_length=max_length,
            chat_template=chat_template,
            allow_pickle=allow_pickle,
            trust_remote_code=trust_remote_code,
        ),
        options=RunOptions(
            limit=limit,
            device=device,
            dtype=dtype,
            engine=engine,
            data_root=data.absolute() if data else None,
            fresh=fresh,
        ),
    )
    raise typer.Exit(int(run_command(request, _console(), dry_run=dry_run)))


@app.command()
def table(
    suite: SuiteName = None,
    format_: Annotated[Format, typer.Option("--format", help="Form of the table.")] = (
        Format.TERMINAL
    ),
    stderr: Annotated[bool, typer.Option("--stderr", help="Show standard errors.")] = False,
    decimals: Annotated[int, typer.Option(min=0, max=6, help="Decimals of scores.")] = 1,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Print the table of all stored scores."""
    from evalsuite.commands import table_command

    registry = _registry(tasks_dir)
    chosen = registry.suite(suite) if suite else None
    table_command(
        out, registry, chosen, format_.value, _console(), stderr=stderr, decimals=decimals
    )


@app.command()
def plot(
    figure: Annotated[Path, typer.Argument(help="File to write: .svg, .pdf or .png.")],
    suite: SuiteName = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
) -> None:
    """Draw generative against embedding average, as in the GRIT paper's Figure 1."""
    from evalsuite.commands import plot_command

    registry = _registry(tasks_dir)
    plot_command(out, registry, registry.suite(suite or "smoke"), figure)
    typer.echo(f"wrote {figure}")


@tasks_app.command("list")
def tasks_list(tasks_dir: TasksDir = None) -> None:
    """List suites and tasks."""
    from evalsuite.registry.describe import overview

    typer.echo(overview(_registry(tasks_dir)))


@tasks_app.command("show")
def tasks_show(name: str, tasks_dir: TasksDir = None) -> None:
    """Show one task or suite as YAML."""
    from evalsuite.registry.describe import show

    typer.echo(show(_registry(tasks_dir), name))


@tasks_app.command("validate")
def tasks_validate(
    folder: Annotated[Path | None, typer.Argument(help="Default: the built-in tasks.")] = None,
) -> None:
    """Check task files and the data files that they name."""
    from evalsuite.registry.validate import validate

    typer.echo(validate(folder))


def main() -> None:
    """Entry point of the console script: errors become one line and an exit code."""
    debug = "--debug" in sys.argv
    notes = logging.StreamHandler()
    notes.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("evalsuite").addHandler(notes)
    logging.getLogger("evalsuite").setLevel(logging.INFO)
    try:
        result = app(standalone_mode=False)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.TyperException as error:
        _fail(" ".join(error.format_message().split()), ExitCode.USAGE)
    except EvalsuiteError as error:
        if debug:
            raise
        _fail(error.line, error.exit_code)
    except Exception as error:
        if debug:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"internal error: {reason}; evalsuite --debug … shows where", ExitCode.INTERNAL)
    else:
        sys.exit(result if isinstance(result, int) else 0)


def _fail(line: str, code: ExitCode) -> None:
    typer.echo(f"evalsuite: {line}", err=True)
    sys.exit(int(code))


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))


def _registry(folders: list[Path] | None) -> Registry:
    from evalsuite.registry.load import Registry

    return Registry.load(folders or ())


def _console(**kwargs: Any) -> Console:
    from rich.console import Console

    return Console(**kwargs)


if __name__ == "__main__":
    main()
