"""evalsuite from Python: evaluate, load, show, compare, check, report.

Three calls cover the command line's main road::

    result = evalsuite.evaluate("demo:minilm", suite="smoke", limit=20)
    frame = evalsuite.load_records("results")
    print(evalsuite.table(frame, suite="smoke"))

All of them raise :class:`evalsuite.EvalsuiteError` with one line that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

from evalsuite.commands.requests import CheckRequest, RunRequest
from evalsuite.commands.run import evaluate_prepared, prepare
from evalsuite.commands.show import table_view
from evalsuite.commands.stored import stored_records
from evalsuite.commands.tracking import log_check, log_records, require_all
from evalsuite.errors import StoreError, UsageError, did_you_mean
from evalsuite.judging.judge import Judge
from evalsuite.keywords import Options
from evalsuite.layouts import Convention, LayoutName, TableFigure
from evalsuite.options import from_options
from evalsuite.outcomes import Checked, Result, TableText
from evalsuite.registry.load import Registry
from evalsuite.results.check.policy import Policy
from evalsuite.results.frame import RECORD
from evalsuite.results.view import View
from evalsuite.schema import Record
from evalsuite.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.results.tables.model import Table

Form = Literal["markdown", "latex", "html", "csv"]


def evaluate(
    ckpt: str | Path | Sequence[str | Path],
    *,
    quiet: bool | None = None,
    **options: Unpack[Options],
) -> Result:
    """Evaluate checkpoints; what the store already holds is not evaluated again.

    Engines run in processes of their own, so that a notebook keeps its memory.

    Args:
        ckpt: One or more checkpoints, as after ``--ckpt``: a folder that holds checkpoints, or a
            pattern, stands for all complete ones in it.
        quiet: Show no progress; ``False`` shows lines. Without it, a notebook shows a bar, and a
            script nothing.
        **options: See :class:`Options`.

    Returns:
        The records, one a checkpoint and task; failed and skipped ones carry a reason. In a
        notebook they show as a table.

    Raises:
        EvalsuiteError: If something named does not exist or cannot be written, or an option is
            unknown or not valid.
    """
    from rich.console import Console

    from evalsuite.run.notebook import in_notebook

    request = _run_request(ckpt, options)
    require_all(request.log)
    prepared = prepare(request)
    console = Console(quiet=quiet is not False)
    found = evaluate_prepared(prepared, request, console, bar=quiet is None and in_notebook())
    of = prepared.suite, prepared.registry, request.results, Console(stderr=True)
    log_records(request.log, found.records, *of)
    return Result(found.records, found.missing, prepared.suite, prepared.left_out)


def _run_request(ckpt: str | Path | Sequence[str | Path], options: Options) -> RunRequest:
    given: dict[str, Any] = {**options, "ckpt": tuple(map(str, _several(ckpt)))}
    return from_options(RunRequest, _in_parts(given))


def _in_parts(given: dict[str, Any]) -> dict[str, Any]:
    """Options as the request's model takes them: a judge in its parts, one folder in a tuple."""
    judge, folders = given.get("judge"), given.get("tasks_dirs")
    if isinstance(judge, Judge):
        whole = {"judge": judge.model, "judge_url": judge.url, "judge_order": judge.order}
        given = whole | {name: value for name, value in given.items() if name != "judge"}
    return given if folders is None else {**given, "tasks_dirs": tuple(_several(folders))}


def _several(one_or_more: str | Path | Sequence[str | Path]) -> list[str | Path]:
    if isinstance(one_or_more, str | Path):
        return [one_or_more]
    several: list[Any] = list(one_or_more) if isinstance(one_or_more, Iterable) else [one_or_more]
    for one in several:
        if not isinstance(one, str | Path):
            raise UsageError(f"{one!r} is no text and no path", "pass a name, a path or a list")
    return several


def load_records(results: str | Path = "results") -> pd.DataFrame:
    """Load a store as a data frame, one row a record.

    Args:
        results: Folder of the store.

    Returns:
        The columns of :data:`evalsuite.results.frame.COLUMNS`, ``sig_…`` and ``metric_…``, and
        the :class:`evalsuite.Record` itself in the column ``record``. Filter rows freely:
        :func:`table` and :func:`plot` take what is left.

    Raises:
        StoreError: If there is no record, or a file is not a record.
    """
    from evalsuite.results.frame import records_frame

    return records_frame(stored_records(Path(results), Registry.load()))


def samples(record: Record, results: str | Path = "results") -> pd.DataFrame:
    """Load the samples of a record: what was asked, what was answered, how it was scored.

    Args:
        record: Of a :class:`Result`, or from the column ``record`` of :func:`load_records`.
        results: Folder of the store that holds it.

    Returns:
        One row a sample; ``score`` is its score where the metric has one for each sample. The
        texts that the store keeps of it stand in further columns: ``query``, ``sentence1``,
        ``text``, ``choices`` …; ``documents_text`` are the texts of the ``documents``, with
        ``None`` for one that is not kept. Empty where the record has no samples.

    Raises:
        StoreError: If the file of its samples is not there.
        DataError: If that file cannot be read.
    """
    import pandas as pd

    from evalsuite.results.readable import readable_samples

    if record.samples is None:
        return pd.DataFrame()
    found = readable_samples(Store(Path(results)), record)
    if found is None:
        raise StoreError(f"{results} does not hold {record.samples.file}", "name its store")
    return pd.DataFrame(found.rows(range(len(found))))


def table(
    frame: pd.DataFrame,
    suite: str | None = None,
    *,
    form: Form = "markdown",
    stderr: bool = False,
    layout: LayoutName | None = None,
    convention: Convention | None = None,
    with_published: bool = False,
    without_in_domain: bool = False,
) -> str:
    """Build a table from a frame of :func:`load_records`.

    Args:
        frame: The frame, or some of its rows.
        suite: Suite that gives columns and averages; ``None``: one column a task.
        form: Form of the text.
        stderr: Show standard errors.
        layout: One of :data:`evalsuite.layouts.LayoutName`; without ``suite``, the table is
            about the suite that the layout belongs to (``grit`` for ``table1``).
        convention: Whether the paper's metrics count, or those of the leaderboard; ``None``:
            what the suite says.
        with_published: Put the paper's rows above the others.
        without_in_domain: Averages leave out the tasks that any of the checkpoints was trained on.

    Returns:
        The table as text; in a notebook it shows as a table.
    """
    from evalsuite.report import render

    if form not in get_args(Form):
        raise UsageError(f"a table has no form {form!r}", did_you_mean(form, get_args(Form)))
    name, view = table_view(
        suite,
        layout,
        convention,
        with_published=with_published,
        without_in_domain=without_in_domain,
    )
    built = _table(frame, name, view)
    if form == "csv":
        return TableText.of(render.to_csv(built), built)
    renderers = {"markdown": render.to_markdown, "latex": render.to_latex, "html": render.to_html}
    return TableText.of(renderers[form](built, stderr=stderr), built)


def plot(
    frame: pd.DataFrame,
    path: str | Path,
    suite: str | None = "smoke",
    *,
    kind: TableFigure | None = None,
) -> Path:
    """Draw scores; the kinds are those of ``evalsuite plot``, without ``forest``.

    Args:
        frame: The frame of :func:`load_records`, or some of its rows.
        path: File to write; ``.svg``, ``.pdf`` or ``.png``.
        suite: Suite that gives columns and averages; ``None``: one column a task.
        kind: ``scatter``, ``bars``, ``heat`` or ``steps``; ``None``: ``scatter`` where there are
            averages in both worlds, else ``bars``.

    Returns:
        ``path``.

    Raises:
        UsageError: For another suffix, or if the scores do not suffice for the figure.
    """
    from evalsuite.report.plots import draw, usual_kind

    built = _table(frame, suite, View())
    steps = {one.checkpoint.fingerprint: one.checkpoint.step for one in _records(frame)}
    draw(kind or usual_kind(built), built, steps, Path(path))
    return Path(path)


def compare(
    baseline: str,
    *candidates: str,
    suite: str | None = None,
    margin: float | None = None,
    results: str | Path = "results",
) -> pd.DataFrame:
    """Compare stored checkpoints with a baseline, sample by sample.

    Args:
        baseline: Name as in the table, or the first digits of the fingerprint.
        *candidates: The same, one or more.
        suite: Tasks and averages; ``None``: all tasks that are stored.
        margin: Points within which a candidate counts as equivalent.
        results: Folder of the store.

    Returns:
        One row for each task or mean and each candidate, with the columns of
        ``evalsuite compare --format csv``: both scores, ``delta`` with its 95 % interval ``low``
        and ``high`` (in points), ``p``, ``p_adjusted``, ``won``, ``lost`` …

    Raises:
        UsageError: If a checkpoint is not stored, or none is compared.
        StoreError: If nothing is stored.
    """
    import pandas as pd

    from evalsuite.commands.compare import compare as compare_stored
    from evalsuite.report.comparison_csv import COLUMNS, comparison_rows

    registry = Registry.load()
    chosen = registry.suite(suite) if suite else None
    names = [baseline, *candidates]
    _, found = compare_stored(Path(results), registry, chosen, names, margin=margin)
    return pd.DataFrame(comparison_rows(found), columns=list(COLUMNS))


def check(
    candidate: str | Path,
    baseline: str | Path,
    *,
    policy: str | Path | Policy | None = None,
    baselines: str | Path = "baselines",
    quiet: bool = True,
    **options: Unpack[Options],
) -> Checked:
    """Say whether a checkpoint regressed against a baseline; evaluates what is not stored.

    Args:
        candidate: A checkpoint, a store, or a name in ``results``.
        baseline: Name of a baseline, or as ``candidate``.
        policy: A shipped policy, a YAML file, or a policy; ``None`` for the defaults.
        baselines: Folder of the baselines.
        quiet: Show no progress.
        **options: See :class:`Options`; ``suite`` goes before the policy's, ``tasks`` is not taken.

    Raises:
        EvalsuiteError: If something named does not exist, or an option is unknown or not valid.
    """
    from rich.console import Console

    from evalsuite.commands.check import check as check_candidate

    given = {
        **options,
        "candidate": str(candidate),
        "baseline": str(baseline),
        "policy": str(policy) if isinstance(policy, Path) else policy,
        "baselines": Path(baselines),
    }
    request = from_options(CheckRequest, _in_parts(given))
    require_all(request.log)
    result = check_candidate(request, Console(quiet=quiet))
    log_check(request.log, result, request.results, (), Console(stderr=True))
    return Checked(result)


def write_report(
    results: str | Path = "results",
    file: str | Path | None = None,
    *,
    suite: str | None = None,
    compare: Sequence[str] = (),
    samples: int = 20,
) -> Path:
    """Write the HTML page of a store: tables, figures, samples and signatures.

    Args:
        results: Folder of the store.
        file: Where to; ``None``: ``reports/SUITE/report.html``.
        suite: Tasks, columns and averages; ``None``: all tasks that are stored.
        compare: The baseline, then its candidates, by name; without any, the first row and the
            others, up to six.
        samples: Samples of each task in the page.

    Returns:
        The file.

    Raises:
        UsageError: If a checkpoint to be compared is not there.
        StoreError: If nothing is stored, or the file cannot be written.
    """
    from evalsuite.commands.report import report_command

    registry = Registry.load()
    return report_command(
        Path(results),
        registry,
        registry.suite(suite) if suite else None,
        file=None if file is None else Path(file),
        samples=samples,
        compare=compare,
    )


def _records(frame: pd.DataFrame) -> list[Record]:
    if RECORD not in frame:
        what = f"the frame has no column {RECORD!r}"
        raise UsageError(what, "take rows of evalsuite.load_records(), or frame() of a result")
    return list(frame[RECORD])


def _table(frame: pd.DataFrame, suite: str | None, view: View) -> Table:
    from evalsuite.results.tables.build import build_table

    registry = Registry.load()
    records = _records(frame)
    categories: dict[str, Any] = {name: task.category for name, task in registry.tasks.items()}
    chosen = registry.suite(suite) if suite else None
    return build_table(records, chosen, categories=categories, view=view)
