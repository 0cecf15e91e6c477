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
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from evalsuite.checkpoint.models import Checkpoint, CheckpointKind
from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import evaluate_request
from evalsuite.commands.show import table_view
from evalsuite.commands.stored import stored_records
from evalsuite.engines.choice import EngineChoice
from evalsuite.engines.protocols import Device, DType
from evalsuite.judging.judge import Judge
from evalsuite.layouts import Convention, LayoutName
from evalsuite.options import from_options
from evalsuite.registry.load import Registry
from evalsuite.results.view import View
from evalsuite.run.run import RunResult
from evalsuite.schema import Attention, Pooling, Record

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.results.tables.model import Table

Form = Literal["markdown", "latex", "html", "csv"]

RECORD = "record"
"""Column of a frame from :func:`load_records` that holds the record itself."""


class Options(TypedDict, total=False):
    """Options of :func:`evaluate`: those of ``evalsuite run``, by the same names.

    ``results`` is ``--out``, ``tasks_dirs`` is ``--tasks-dir``, and ``kind`` is ``--as``.
    """

    suite: str
    """Suite to run; ``smoke`` unless ``tasks`` are given."""
    tasks: Sequence[str]
    """Task names instead of a suite."""
    tasks_dirs: Sequence[str | Path]
    """Folders with further task files."""
    quick: bool
    """Run tasks as their files say under ``quick``."""
    results: str | Path
    """Folder of the store; ``results`` unless given."""
    data: str | Path | None
    """Folder of data sets in Hugging Face layout; no network is used then."""
    limit: int | None
    """Test items of each task."""
    seed: int
    """Of all that is drawn at random while running; 42 unless given."""
    embed_length: int | None
    """Kind ``rag``: tokens after which a text to embed is cut."""
    retriever: str | Checkpoint | None
    """Kind ``rag``: checkpoint that finds the documents, if it is another one."""
    shots: int
    """Examples in the instruction of embedding tasks: 0 or 1."""
    fresh: bool
    """Evaluate again what is stored."""
    engine: EngineChoice
    """``auto``: vLLM to generate, and to embed on a GPU where it can."""
    prefix_caching: bool
    """Let vLLM reuse common beginnings of prompts; may change answers."""
    judge: str | Judge | None
    """Who compares the answers of AlpacaEval: a model at ``judge_url``, a checkpoint, or an
    :class:`evalsuite.Judge`, which holds all three."""
    judge_url: str | None
    """OpenAI-compatible endpoint of the judge."""
    judge_order: Literal["random", "both"] | None
    """Order in which the judge sees two answers; ``random`` unless given."""
    device: Device
    """Where to run."""
    dtype: DType
    """Precision."""
    gpu_memory: float | None
    """Share of the GPU's memory for vLLM; else what is free, 0.92 at most."""
    tensor_parallel: int
    """GPUs that vLLM splits the model over."""
    deterministic: bool
    """On a GPU: whether vLLM computes a text the same whatever runs beside it."""
    kind: CheckpointKind | None
    """What the checkpoint is, where detection errs."""
    base: str | None
    """Base of an adapter, if not its own."""
    protocol: Literal["grit", "raw-llm", "sentence-transformers"] | None
    """Preset for the options below."""
    instructions: str | None
    """Instruction set, ``task``, ``none`` or a YAML file."""
    wrapper: str | None
    """Name of a wrapper, or a template with ``{instruction}``."""
    bare_wrapper: str | None
    """What the wrapper puts before texts without an instruction."""
    attention: Attention | None
    """Attention when embedding."""
    pooling: Pooling | None
    """Pooling of token vectors."""
    pool_instruction: bool | None
    """Let wrapper and instruction enter the mean."""
    normalize: bool | None
    """L2-normalise embeddings."""
    max_length: int | None
    """Tokens after which a text to embed is cut."""
    chat_template: str | None
    """Jinja file, or ``none`` for base-model prompts."""
    allow_pickle: bool
    """Load pickle weights: they can run code."""
    trust_remote_code: bool
    """Run code that the checkpoint brings."""


def evaluate(
    ckpt: str | Path | Sequence[str | Path], *, quiet: bool = True, **options: Unpack[Options]
) -> RunResult:
    """Evaluate checkpoints; what the store already holds is not evaluated again.

    Engines run in processes of their own, so that a notebook keeps its memory.

    Args:
        ckpt: One or more checkpoints, as after ``--ckpt``.
        quiet: Show no progress.
        **options: See :class:`Options`.

    Returns:
        The records, one a checkpoint and task; failed and skipped ones carry a reason.

    Raises:
        EvalsuiteError: If something named does not exist or cannot be written, or an option is
            unknown or not valid.
    """
    from rich.console import Console

    sources = [ckpt] if isinstance(ckpt, str | Path) else list(ckpt)
    given: dict[str, Any] = {**options, "ckpt": tuple(map(str, sources))}
    judge = options.get("judge")
    if isinstance(judge, Judge):
        whole = {"judge": judge.model, "judge_url": judge.url, "judge_order": judge.order}
        given = whole | {name: value for name, value in given.items() if name != "judge"}
    return evaluate_request(from_options(RunRequest, given), Console(quiet=quiet))


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
        layout: One of :data:`evalsuite.layouts.LayoutName`; without ``suite``, the table is
            about the suite that the layout belongs to (``grit`` for ``table1``).
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
