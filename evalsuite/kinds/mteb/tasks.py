"""From a task of a task file to an mteb task with its data loaded, hashed and limited."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import mteb
from mteb._create_dataloaders import create_dataloader
from mteb.abstasks.pair_classification import AbsTaskPairClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining
from mteb.abstasks.text.summarization import AbsTaskSummarization
from mteb.types import PromptType

from evalsuite.data import content_link, dataset_folder, files_info, hub_info, local_info, rows_hash
from evalsuite.errors import DataError, EvalsuiteError, first_line
from evalsuite.kinds.mteb.hub_data import read_hub
from evalsuite.kinds.mteb.limits import check_part, is_parallel, reduce, split_of
from evalsuite.kinds.mteb.own_data import build_own_task
from evalsuite.kinds.mteb.own_tables import own_groups
from evalsuite.kinds.mteb.scope import Scope, scope_of
from evalsuite.kinds.mteb.speed import with_fast_labels
from evalsuite.kinds.mteb.task import OwnEmbeddingTask
from evalsuite.kinds.shared.packages import package_of
from evalsuite.schema import DataInfo

T = TypeVar("T")

OWN = Scope(splits=("test",), subsets=("default",), all_splits=("test",), all_subsets=("default",))
"""Of a task on own data."""


@dataclass(frozen=True, slots=True)
class Part:
    """One subset of one split: what mteb gives one score for."""

    name: str
    """The subset; ``split/subset`` in a task that scores several splits."""
    split: str
    subset: str
    ids: list[str]
    """Ids of its rows, in order: row numbers from 0 in the full data. Empty for retrieval and
    reranking, which have query ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTask:
    """An mteb task that is ready to be evaluated."""

    task: Any
    """The ``AbsTask``; its data is loaded."""
    scope: Scope
    parts: tuple[Part, ...]
    """Split by split, in each split subset by subset: the order in which mteb evaluates."""
    data: DataInfo
    load_seconds: float
    groups: dict[str, str] = field(default_factory=dict)
    """Item → what it belongs to; empty where the data does not say."""

    def rows(self, part: Part) -> Any:
        """The rows of a part, in mteb's own form."""
        return split_of(self.task, part.subset, part.split)


def prepare(
    task: OwnEmbeddingTask, root: Path | None, limit: int | None, seed: int
) -> PreparedTask:
    """Find the mteb task, load and hash its data, and reduce each part to ``limit`` items.

    The limit keeps the first ``limit`` of a permutation of the test items drawn with ``seed``:
    test rows for classification, regression, STS, pair classification and bitext mining (training
    rows stay); texts per set for clustering in sets, rows for other clustering; queries for
    retrieval (corpus whole) and reranking (with their candidates); articles for summarization.

    Args:
        task: Of kind ``mteb``.
        root: Folder of local data sets; ``None`` for the hub.
        limit: Number of test items of each part; ``None`` for all.
        seed: Of mteb's experiments and of the limit's permutation.

    Raises:
        UsageError: For an unknown task or subset, or a split that the task file names and the
            data does not have.
        DataError: If the data is missing or malformed.
    """
    started = time.monotonic()
    if task.data is not None:
        loaded, scope = build_own_task(task, seed), OWN
        data = files_info(task.data)
    elif task.hub is not None:
        task, data = read_hub(task, root)
        loaded, scope = build_own_task(task, seed), OWN
    else:
        scope = scope_of(task)
        loaded = find(task, scope, seed)
        data = _load(loaded, task, root)
    parts = readable(task, lambda: tuple(_parts(loaded, task, scope, limit, seed)))
    return PreparedTask(
        task=loaded,
        scope=scope,
        parts=parts,
        data=data,
        load_seconds=time.monotonic() - started,
        groups=own_groups(task) if task.data is not None else {},
    )


def find(task: OwnEmbeddingTask, scope: Scope, seed: int) -> Any:
    """A new object of the mteb task with its splits and subsets chosen, data not loaded.

    Tasks draw from generators that they hold (clustering and multilabel classification): a new
    object gives the same score whatever was evaluated before.
    """
    chosen: Any = with_fast_labels(type(mteb.get_task(task.source)))(seed=seed)
    chosen.hf_subsets = list(scope.subsets)
    return chosen.filter_eval_splits(list(scope.splits))


def _parts(
    loaded: Any, task: OwnEmbeddingTask, scope: Scope, limit: int | None, seed: int
) -> Iterator[Part]:
    named = {task.split, *task.splits}
    for split in scope.splits:
        shared: list[str] | None = None
        for subset in scope.subsets:
            check_part(loaded, task.name, subset, split, named=split in named)
            if shared is None or not is_parallel(loaded):
                shared = reduce(loaded, subset, split, limit, seed)
            name = f"{split}/{subset}" if len(scope.splits) > 1 else subset
            yield Part(name, split, subset, shared)


def readable(task: OwnEmbeddingTask, read: Callable[[], T]) -> T:
    """What ``read`` gives; an error of its own becomes one line about the task's data.

    Raises:
        DataError: If the data is not as mteb's code expects it.
    """
    try:
        return read()
    except EvalsuiteError:
        raise
    except Exception as error:
        raise DataError(
            f"the data of task {task.name} is not in the form that mteb reads: {_reason(error)}",
            "compare it with the data set on the hub, at the revision that mteb names",
        ) from error


def _reason(error: BaseException) -> str:
    """The first line of an error, with the kind of error where its text alone says little."""
    line, kind = first_line(error), type(error).__name__
    plain = isinstance(error, (OSError, ValueError)) or line.startswith(kind)
    return line if plain else f"{kind}: {line}"


def _load(loaded: Any, task: OwnEmbeddingTask, root: Path | None) -> DataInfo:
    """Load the data of a harness task, from ``root`` alone if it is given."""
    name = loaded.metadata.dataset["path"]
    revision = str(task.datasets.get(name) or loaded.metadata.dataset.get("revision", "main"))
    _point(loaded, path=name, revision=revision)
    if root is not None:
        folder = dataset_folder(root, name, revision)
        if folder is None:
            at = f"{name} (revision {revision[:12]})"
            raise DataError(
                f"dataset {at}, needed by mteb:{task.source}, is not in {root}",
                f"put it into {root / name} in the hub's layout, or use the hub (no --data)",
            )
        _point(loaded, path=str(content_link(folder)), revision=revision)
        _read(loaded, f"dataset {name} in {root} cannot be loaded", "check its files and README")
        return local_info({name: folder})
    _read(
        loaded,
        f"dataset {name}, needed by mteb:{task.source}, cannot be loaded from the hub",
        "check the network, or give a folder of local data with --data",
    )
    return hub_info({name: revision}, rows_hash(_loaded_rows(loaded)))


def _point(loaded: Any, *, path: str, revision: str) -> None:
    """Have the task read a data set from elsewhere, or at another commit."""
    source = {**loaded.metadata.dataset, "path": path, "revision": revision}
    loaded.metadata = loaded.metadata.model_copy(update={"dataset": source})


def _read(loaded: Any, message: str, hint: str) -> None:
    """Let mteb load the data; its loaders are code of some hundred authors and raise anything."""
    try:
        loaded.load_data()
        if isinstance(loaded, AbsTaskRetrieval):
            loaded.convert_v1_dataset_format_to_v2(num_proc=None)
    except ImportError as error:
        package = package_of(error.name.partition(".")[0]) if error.name else ""
        raise DataError(
            f"{message}: mteb's loader needs {package or 'a package'}, which is not installed",
            f"install it: pip install {package}" if package else "install what it needs",
        ) from error
    except Exception as error:
        raise DataError(f"{message}: {_reason(error)}", hint) from error


def _loaded_rows(loaded: Any) -> Iterator[Mapping[str, object]]:
    """All rows that a harness task has loaded, in a fixed order."""
    several = not is_parallel(loaded) and (
        loaded.metadata.is_multilingual or isinstance(loaded, AbsTaskRetrieval)
    )
    parts = loaded.dataset if several else {"default": loaded.dataset}
    for subset in sorted(parts):
        for split in sorted(parts[subset]):
            yield {"subset": subset, "split": split}
            rows = parts[subset][split]
            if isinstance(rows, list):  # pairs as lists in one row, some of them read when asked
                yield from ({key: list(values) for key, values in row.items()} for row in rows)
            elif not isinstance(rows, dict):
                yield from rows
            elif not isinstance(loaded, AbsTaskRetrieval):
                yield rows
            else:
                yield from rows["corpus"]
                yield from rows["queries"]
                yield rows["relevant_docs"]
                yield rows["top_ranked"] or {}


def first_texts(prepared: PreparedTask) -> list[tuple[PromptType | None, str]]:
    """The first text of each side, in mteb's own form; documents with their titles."""
    loaded = prepared.task
    rows = prepared.rows(prepared.parts[0])
    if isinstance(loaded, AbsTaskRetrieval):
        sides = ((PromptType.query, rows["queries"]), (PromptType.document, rows["corpus"]))
        return [(side, _first_text(loaded, part, side)) for side, part in sides]
    if isinstance(loaded, AbsTaskBitextMining):
        column = loaded._get_pairs(loaded.parallel_subsets)[0][0]  # noqa: SLF001 - no other way
        return [(None, rows[column][0])]
    first = rows[0]
    if isinstance(loaded, AbsTaskSummarization):
        human, machine = loaded.human_summaries_column_name, loaded.machine_summaries_column_name
        return [(PromptType.query, first[human][0]), (PromptType.document, first[machine][0])]
    if isinstance(loaded, AbsTaskSTS):
        return [(loaded.input1_prompt_type, first[loaded.column_names[0]])]
    if isinstance(loaded, AbsTaskPairClassification):
        return [(loaded.input1_prompt_type, first[loaded.input1_column_name])]
    text = first[loaded.input_column_name]
    return [(None, text[0] if isinstance(text, list) else text)]


def _first_text(loaded: Any, rows: Any, side: PromptType) -> str:
    loader = create_dataloader(
        rows.select([0]), task_metadata=loaded.metadata, prompt_type=side, batch_size=1
    )
    return str(next(iter(loader))["text"][0])
