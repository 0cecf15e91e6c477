"""From a Task to an mteb task with its data loaded, hashed and limited."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mteb
import numpy as np
from mteb._create_dataloaders import create_dataloader
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.clustering_legacy import AbsTaskClusteringLegacy
from mteb.abstasks.pair_classification import AbsTaskPairClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.text.summarization import AbsTaskSummarization
from mteb.get_tasks import TASK_LIST
from mteb.types import PromptType

from evalsuite.data import content_link, dataset_folder, files_info, hub_info, local_info, rows_hash
from evalsuite.errors import DataError, UsageError, did_you_mean, first_line
from evalsuite.kinds.mteb.own_data import build_own_task, own_groups
from evalsuite.kinds.mteb.speed import with_fast_labels
from evalsuite.registry.models import Task
from evalsuite.schema import DataInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An mteb task that is ready to be evaluated."""

    task: Any
    """The ``AbsTask``; its data is loaded."""
    split: str
    subsets: tuple[str, ...]
    ids: dict[str, list[str]]
    """Subset → ids of its rows, in order (row numbers from 0 in the full data, prefixed with the
    subset where there are several); without retrieval and reranking, which have query ids."""
    data: DataInfo
    load_seconds: float
    groups: dict[str, str] = field(default_factory=dict)
    """Item → what it belongs to; empty where the data does not say."""


def prepare(task: Task, root: Path | None, limit: int | None, seed: int) -> Prepared:
    """Find the mteb task, load and hash its data, and reduce it to ``limit`` items.

    The limit keeps the first ``limit`` of a permutation of the test items drawn with ``seed``:
    test rows for classification, STS and pair classification (training rows stay); texts per
    set for clustering in sets, rows for other clustering; queries for retrieval (corpus whole)
    and reranking (with their candidates); articles for summarization.

    Args:
        task: Of kind ``mteb``.
        root: Folder of local data sets; ``None`` for the hub.
        limit: Number of test items; ``None`` for all.
        seed: Of mteb's experiments and of the limit's permutation.

    Raises:
        UsageError: For an unknown task, subset or split.
        DataError: If the data is missing or malformed.
    """
    started = time.monotonic()
    if task.data is not None:
        loaded = build_own_task(task, seed)
        data = files_info(task.data)
    else:
        loaded = _find(task, seed)
        data = _load(loaded, task, root)
    split, subsets = loaded.eval_splits[0], tuple(loaded.hf_subsets)
    for subset in subsets:
        _check_split(loaded, task, subset, split)
    ids = {subset: _reduce(loaded, subset, split, limit, seed) for subset in subsets}
    if len(subsets) > 1:
        ids = {subset: [f"{subset}/{i}" for i in numbers] for subset, numbers in ids.items()}
    return Prepared(
        task=loaded,
        split=split,
        subsets=subsets,
        ids=ids,
        data=data,
        load_seconds=time.monotonic() - started,
        groups=own_groups(task) if task.data is not None else {},
    )


def _find(task: Task, seed: int) -> Any:
    """The mteb task with its subsets and its one split chosen, data not loaded."""
    assert task.source is not None
    try:
        found = mteb.get_task(task.source)
    except KeyError:
        known = [kind.metadata.name for kind in TASK_LIST]
        raise UsageError(
            f"mteb has no task {task.source!r}", did_you_mean(task.source, known)
        ) from None
    if found.is_aggregate:
        parts = ", ".join(part.metadata.name for part in found.metadata.tasks)
        raise UsageError(
            f"mteb:{task.source} is the mean of other tasks",
            f"list these in the suite, with a subtask mean: {parts}",
        )
    if found.metadata.modalities != ["text"]:
        raise UsageError(f"mteb:{task.source} is not about texts alone", "choose a text task")
    chosen: Any = with_fast_labels(type(found))(seed=seed)
    chosen.hf_subsets = _choose_subsets(task, list(found.hf_subsets))
    splits = list(found.metadata.eval_splits)
    default = "test" if "test" in splits else splits[0]
    return chosen.filter_eval_splits([task.split or default])


def _choose_subsets(task: Task, known: list[str]) -> list[str]:
    unknown = [subset for subset in task.subsets if subset not in known]
    if unknown:
        raise UsageError(
            f"mteb:{task.source} has no subset {unknown[0]!r}", did_you_mean(unknown[0], known)
        )
    return list(task.subsets) or known


def _load(loaded: Any, task: Task, root: Path | None) -> DataInfo:
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
    from datasets.exceptions import DatasetsError
    from httpx import HTTPError

    try:
        loaded.load_data()
        if isinstance(loaded, AbsTaskRetrieval):
            loaded.convert_v1_dataset_format_to_v2(num_proc=None)
    except (OSError, ValueError, KeyError, DatasetsError, HTTPError, RuntimeError) as error:
        raise DataError(f"{message}: {first_line(error)}", hint) from error


def _loaded_rows(loaded: Any) -> Iterator[Mapping[str, object]]:
    """All rows that a harness task has loaded, in a fixed order."""
    several = loaded.metadata.is_multilingual or isinstance(loaded, AbsTaskRetrieval)
    parts = loaded.dataset if several else {"default": loaded.dataset}
    for subset in sorted(parts):
        for split in sorted(parts[subset]):
            yield {"subset": subset, "split": split}
            rows = parts[subset][split]
            if not isinstance(rows, dict):
                yield from rows
                continue
            yield from rows["corpus"]
            yield from rows["queries"]
            yield rows["relevant_docs"]
            yield rows["top_ranked"] or {}


def split_of(loaded: Any, subset: str, split: str) -> Any:
    """The rows of one subset and split, in mteb's own form."""
    return _home(loaded, subset)[split]


def first_texts(prepared: Prepared) -> list[tuple[PromptType | None, str]]:
    """The first text of each side, in mteb's own form; documents with their titles."""
    loaded = prepared.task
    rows = split_of(loaded, prepared.subsets[0], prepared.split)
    if isinstance(loaded, AbsTaskRetrieval):
        sides = ((PromptType.query, rows["queries"]), (PromptType.document, rows["corpus"]))
        return [(side, _first_text(loaded, part, side)) for side, part in sides]
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


def _home(loaded: Any, subset: str) -> Any:
    return loaded.dataset.get(subset, loaded.dataset)


def _check_split(loaded: Any, task: Task, subset: str, split: str) -> None:
    splits = list(_home(loaded, subset))
    if split not in splits:
        raise UsageError(
            f"task {task.name} has no split {split!r}", f"there is {', '.join(map(str, splits))}"
        )


def _reduce(loaded: Any, subset: str, split: str, limit: int | None, seed: int) -> list[str]:
    """Apply the limit in place; gives the ids of the rows that are left."""
    rows = split_of(loaded, subset, split)
    if isinstance(loaded, AbsTaskRetrieval):
        _reduce_queries(rows, limit, seed)
        return []
    if loaded.metadata.type == "PairClassification" and len(rows) == 1:
        # mteb's older data sets hold all pairs as lists in a single row.
        rows = rows.from_dict(rows[0])
    if isinstance(loaded, AbsTaskClusteringLegacy):
        kept = np.arange(len(rows))
        if limit is not None:
            rows = _reduce_sets(rows, loaded, limit, seed)
    else:
        kept = _choose(len(rows), limit, seed)
        rows = rows.select(kept) if len(kept) < len(rows) else rows
        if limit is not None and isinstance(loaded, AbsTaskClustering):
            # The limit takes the place of mteb's own sampling.
            loaded.max_fraction_of_documents_to_embed = None
            loaded.max_document_to_embed = None
    if loaded.metadata.type == "PairClassification":
        labels = set(rows[loaded.label_column_name])
        if len(labels) < 2:
            raise UsageError(f"pairs of {loaded.metadata.name} all labelled alike", "raise --limit")
    _home(loaded, subset)[split] = rows
    return [str(number) for number in kept]


def _choose(n: int, limit: int | None, seed: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Sorted indices of the items that are kept."""
    if limit is None or limit >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:limit])


def _reduce_sets(rows: Any, loaded: Any, limit: int, seed: int) -> Any:
    """Keep ``limit`` texts of each set."""
    columns = (loaded.input_column_name, loaded.label_column_name)
    reduced: dict[str, list[list[Any]]] = {column: [] for column in columns}
    for row in rows:
        kept = _choose(len(row[columns[0]]), limit, seed)
        for column in columns:
            reduced[column].append([row[column][i] for i in kept])
    return rows.from_dict(reduced)


def _reduce_queries(data: dict[str, Any], limit: int | None, seed: int) -> None:
    """Keep ``limit`` of the queries that have judged documents."""
    if limit is None:
        return
    judged = [i for i, name in enumerate(data["queries"]["id"]) if data["relevant_docs"].get(name)]
    kept = [judged[i] for i in _choose(len(judged), limit, seed)]
    data["queries"] = data["queries"].select(kept)
    names = list(data["queries"]["id"])
    data["relevant_docs"] = {name: data["relevant_docs"][name] for name in names}
    if not data["top_ranked"]:
        return
    data["top_ranked"] = {n: data["top_ranked"][n] for n in names if n in data["top_ranked"]}
    candidates = {document for ranked in data["top_ranked"].values() for document in ranked}
    corpus = data["corpus"]
    data["corpus"] = corpus.select([i for i, n in enumerate(corpus["id"]) if n in candidates])
