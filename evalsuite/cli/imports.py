"""``evalsuite import``: other people's result files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalsuite.cli.options import AsJson, Results, TasksDir
from evalsuite.cli.options import registry as load_registry

if TYPE_CHECKING:
    from evalsuite.importers.records import ImportedScores
    from evalsuite.importers.storing import Stored

import_app = typer.Typer(help="Take over result files of other tools.", no_args_is_help=True)

ModelName = Annotated[
    str | None, typer.Option("--name", help="Name of the model, instead of the stated one.")
]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Revision of the model, where none is stated.")
]


@import_app.command("mteb")
def import_mteb(
    folder: Annotated[Path, typer.Argument(help="Folder with mteb's result files.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
    as_json: AsJson = False,
) -> None:
    """Take over a folder of mteb's result files (ORG__MODEL/REVISION/TASK.json)."""
    from evalsuite.importers.mteb import read_mteb

    registry = load_registry(tasks_dir)
    _store(read_mteb(folder, registry, name=name, revision=revision), out, as_json=as_json)


@import_app.command("lm-eval")
def import_lm_eval(
    file: Annotated[Path, typer.Argument(help="A file results_….json of lm-eval.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    tasks_dir: TasksDir = None,
    as_json: AsJson = False,
) -> None:
    """Take over a result file of lm-eval, with the samples beside it."""
    from evalsuite.importers.lm_eval import read_lm_eval

    registry = load_registry(tasks_dir)
    _store(read_lm_eval(file, registry, name=name, revision=revision), out, as_json=as_json)


@import_app.command("inspect")
def import_inspect(
    path: Annotated[Path, typer.Argument(help="A log .eval of inspect, or a folder with some.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Take over logs of inspect, with their samples."""
    from evalsuite.importers.inspect import read_inspect

    _store(read_inspect(path, name=name, revision=revision), out, as_json=as_json)


@import_app.command("lighteval")
def import_lighteval(
    path: Annotated[Path, typer.Argument(help="A file details_….parquet, or a folder with some.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Take over details of lighteval, with the results beside them."""
    from evalsuite.importers.lighteval import read_lighteval

    _store(read_lighteval(path, name=name, revision=revision), out, as_json=as_json)


@import_app.command("alpaca-eval")
def import_alpaca_eval(
    path: Annotated[Path, typer.Argument(help="annotations.json or leaderboard.csv.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Take over annotations or a leaderboard of AlpacaEval."""
    from evalsuite.importers.alpaca_eval import read_alpaca_eval

    _store(read_alpaca_eval(path, name=name, revision=revision), out, as_json=as_json)


@import_app.command("eee")
def import_eee(
    path: Annotated[Path, typer.Argument(help="A file of scores, or a folder with some.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Take over files of Every Eval Ever, with the samples beside them."""
    from evalsuite.importers.eee import read_eee

    _store(read_eee(path, name=name, revision=revision), out, as_json=as_json)


@import_app.command("helm")
def import_helm(
    path: Annotated[Path, typer.Argument(help="The folder of a run of HELM, or one above.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Take over runs of HELM, instance by instance."""
    from evalsuite.importers.helm import read_helm

    _store(read_helm(path, name=name, revision=revision), out, as_json=as_json)


@import_app.command("evalplus")
def import_evalplus(
    path: Annotated[Path, typer.Argument(help="A file …_eval_results.json, or a folder.")],
    name: ModelName = None,
    revision: Revision = None,
    out: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Take over results of evalplus: HumanEval and MBPP, with and without its own tests."""
    from evalsuite.importers.evalplus import read_evalplus

    _store(read_evalplus(path, name=name, revision=revision), out, as_json=as_json)


def _store(found: ImportedScores, out: Path, *, as_json: bool) -> None:
    """Store what was read and say so; ends as ``run`` does where scores failed or are suspect.

    Raises:
        DataError: If nothing could be taken over.
    """
    from evalsuite.errors import ExitCode
    from evalsuite.importers.storing import put_new, summary
    from evalsuite.store import Store
    from evalsuite.suspicions import said
    from evalsuite.text import listed

    stored = put_new(Store(out), found)
    lines = summary(found, stored)
    suspect = [(r.signature.task, one) for r, _ in found.records for one in r.suspicions]
    lines += [f"suspect: {task}: {said(one)}" for task, one in suspect]
    if as_json:
        _print_document(found, stored, out)
    else:
        typer.echo("\n".join(lines))
    failed = [record.signature.task for record, _ in found.records if record.score is None]
    if failed:
        typer.echo(f"failed, for want of a finite score in the file: {listed(failed)}", err=True)
        raise typer.Exit(int(ExitCode.TASK_FAILED))
    if suspect:
        raise typer.Exit(int(ExitCode.SUSPECT))


def _print_document(found: ImportedScores, stored: Stored, out: Path) -> None:
    from evalsuite.console import print_document
    from evalsuite.documents.stored import ImportDocument, score_lines

    print_document(
        ImportDocument(
            store=str(out),
            new=stored.new,
            known=stored.known,
            replaced=stored.replaced,
            left_out=[*found.left_out, *stored.left_out],
            records=score_lines(record for record, _ in found.records),
        )
    )
