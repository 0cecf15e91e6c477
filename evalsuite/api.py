"""evalsuite from Python: evaluate, load, show.

Three calls cover the command line's main road::

    result = evalsuite.evaluate("demo:minilm", suite="smoke", limit=20)
    frame = evalsuite.load_records("results")
    print(evalsuite.table(frame, suite="smoke"))

All of them raise :class:`evalsuite.EvalsuiteError` with one line that says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evalsuite.checkpoint.models import CheckpointOptions
from evalsuite.commands.run import RunRequest, evaluate_request
from evalsuite.commands.show import table_view
from evalsuite.commands.stored import stored_records
from evalsuite.engines.protocols import Device, DType
from evalsuite.judging.judge import Judge
from evalsuite.layouts import Convention, LayoutName
from evalsuite.registry.load import Registry
from evalsuite.results.view import View
from evalsuite.run.options import RunOptions
from evalsuite.run.run import RunResult
from evalsuite.schema import Record

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.results.tables.model import Table

Form = Literal["markdown", "latex", "html", "csv"]

RECORD = "record"
"""Column of a frame from :func:`load_records` that holds the record itself."""


def evaluate(
    ckpt: str | Path | Sequence[str | Path],
    *,
    suite: str = "smoke",
    tasks: Sequence[str] = (),
    limit: int | None = None,
    results: str | Path = "results",
    data: str | Path | None = None,
    tasks_dirs: Sequence[str | Path] = (),
    engine: Literal["auto", "vllm", "transformers"] = "auto",
    prefix_caching: bool = False,
    device: Device = "auto",
    dtype: DType = "auto",
    fresh: bool = False,
    seed: int = 42,
    judge: Judge | None = None,
    checkpoint_options: CheckpointOptions | None = None,
    quiet: bool = True,
) -> RunResult:
    """Evaluate checkpoints; what the store already holds is not evaluated again.

    Engines run in processes of their own, so that a notebook keeps its memory.

    Args:
        ckpt: One or more checkpoints, as after ``--ckpt``.
        suite: Suite to run, unless ``tasks`` is given.
        tasks: Task names instead of a suite.
        limit: Test items of each task.
        results: Folder of the store.
        data: Folder of datasets in Hugging Face layout; no network is used then.
        tasks_dirs: Folders with further task files.
        engine: ``vllm`` or ``transformers``; ``auto``: vLLM to generate, and to embed on a GPU
            where it can.
        prefix_caching: Whether vLLM reuses what prompts begin with in common; may change answers.
        device: Where to run.
        dtype: Precision.
        fresh: Evaluate again what is stored.
        seed: Of all that is drawn: samples, shots, the judge's order.
        judge: Who compares the answers of AlpacaEval: ``evalsuite.Judge(model=…, url=…)``, or
            without ``url`` a checkpoint.
        checkpoint_options: What overrides detection.
        quiet: Show no progress.

    Returns:
        The records, one a checkpoint and task; failed and skipped ones carry a reason.

    Raises:
        EvalsuiteError: If something named does not exist or cannot be written.
    """
    from rich.console import Console

    sources = [ckpt] if isinstance(ckpt, str | Path) else list(ckpt)
    request = RunRequest(
        checkpoints=tuple(map(str, sources)),
        suite=None if tasks else suite,
        tasks=tuple(tasks),
        tasks_dirs=tuple(map(Path, tasks_dirs)),
        results=Path(results),
        checkpoint_options=checkpoint_options or CheckpointOptions(),
        options=RunOptions(
            limit=limit,
            device=device,
            dtype=dtype,
            engine=engine,
            prefix_caching=prefix_caching,
            data_root=Path(data).absolute() if data is not None else None,
            fresh=fresh,
            seed=seed,
            judge=judge,
        ),
    )
    return evaluate_request(request, Console(quiet=quiet))


def load_records(results: str | Path = "results") -> pd.DataFrame:
    """Load a store as a data frame, one row a record.

    Args:
        results: Folder of the store.

    Returns:
        The columns of :data:`evalsuite.results.frame.COLUMNS`, ``sig_…`` and ``metric_…``, and
        the :class:`evalsuite.Record` itself in the column ``record``. Filter rows freely:
        :func:`table` and :func:`plot` take what is left.

    Raises:
        StoreError: If there is no record, or a file that is none.
    """
    import pandas as pd

    from evalsuite.results.frame import to_frame

    records = stored_records(Path(results), Registry.load())
    return to_frame(records).assign(**{RECORD: pd.Series(records, dtype=object)})


def table(
    frame: pd.DataFrame,
    suite: str | None = None,
    *,
    form: Form = "markdown",
    stderr: bool = False,
    layout: LayoutName | None = None,
    convention: Convention | None = None,
    with_published: bool = False,
) -> str:
    """Build a table from a frame of :func:`load_records`.

    Args:
        frame: The frame, or some of its rows.
        suite: Suite that gives columns and averages; ``None``: one column a task.
        form: Form of the text.
        stderr: Show standard errors.
        layout: ``table1``, ``table2`` or ``per-dataset`` of the GRIT paper; the suite is then
            ``grit`` unless another is given.
        convention: Whether the paper's metrics count, or those of the leaderboard; ``None``:
            what the suite says.
        with_published: Put the paper's rows above the others.

    Returns:
        The table as text.
    """
    from evalsuite.report import render

    name, view = table_view(suite, layout, convention, with_published=with_published)
    built = _table(frame, name, view)
    if form == "csv":
        return render.to_csv(built)
    renderers = {"markdown": render.to_markdown, "latex": render.to_latex, "html": render.to_html}
    return renderers[form](built, stderr=stderr)


def plot(frame: pd.DataFrame, path: str | Path, suite: str = "smoke") -> Path:
    """Draw generative against embedding average (the GRIT paper's Figure 1).

    Args:
        frame: The frame of :func:`load_records`, or some of its rows.
        path: File to write; ``.svg``, ``.pdf`` or ``.png``.
        suite: Suite that says how scores are averaged.

    Returns:
        ``path``.
    """
    from evalsuite.report.figures import scatter

    scatter(_table(frame, suite, View()), Path(path))
    return Path(path)


def _table(frame: pd.DataFrame, suite: str | None, view: View) -> Table:
    from evalsuite.results.tables.build import build_table

    registry = Registry.load()
    records: list[Record] = list(frame[RECORD])
    categories: dict[str, Any] = {name: task.category for name, task in registry.tasks.items()}
    chosen = registry.suite(suite) if suite else None
    return build_table(records, chosen, categories=categories, view=view)
