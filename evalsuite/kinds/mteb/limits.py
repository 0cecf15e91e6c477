"""Reducing the data of an mteb task to a number of test items, and checking that it is there."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import Dataset
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.clustering_legacy import AbsTaskClusteringLegacy
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining

from evalsuite.errors import DataError, UsageError

Indices = np.ndarray[Any, np.dtype[np.intp]]


def is_parallel(loaded: Any) -> bool:
    """Whether the subsets of a bitext task are pairs of columns of one table."""
    return isinstance(loaded, AbsTaskBitextMining) and loaded.parallel_subsets


def home(loaded: Any, subset: str) -> Any:
    """Split → rows of one subset, in mteb's own form."""
    if is_parallel(loaded) or (subset == "default" and subset not in loaded.dataset):
        return loaded.dataset
    return loaded.dataset.get(subset, {})


def split_of(loaded: Any, subset: str, split: str) -> Any:
    """The rows of one subset and split, in mteb's own form."""
    return home(loaded, subset)[split]


def check_part(loaded: Any, name: str, subset: str, split: str, *, named: bool) -> None:
    """Check that the data has a split of a subset, and what the task trains on.

    Args:
        loaded: mteb's task with its data.
        name: Of the task, for the message.
        subset: The subset.
        split: The split.
        named: Whether the task file names the split.

    Raises:
        UsageError: If it lacks the split that the task file names.
        DataError: If it lacks what mteb's task reads.
    """
    splits = list(home(loaded, subset))
    needed = [split]
    if isinstance(loaded, AbsTaskClassification):
        needed.append(loaded.train_split)
    lacking = next((one for one in needed if one not in splits), None)
    if lacking is None:
        _check_label(loaded, name, split_of(loaded, subset, split))
        return
    there = f"there is {', '.join(map(str, splits)) or 'none'}"
    if named and lacking == split:
        raise UsageError(f"task {name} has no split {split!r}", there)
    where = f" of subset {subset!r}" if len(loaded.hf_subsets) > 1 else ""
    raise DataError(
        f"the data set of task {name} has no split {lacking!r}{where}",
        f"{there}; take the data set at the revision that mteb names",
    )


def _check_label(loaded: Any, name: str, rows: Any) -> None:
    label = getattr(loaded, "label_column_name", None)
    if label and isinstance(rows, Dataset) and label not in rows.column_names:
        raise DataError(
            f"the data set of task {name} has no column {label!r}",
            f"there is {', '.join(rows.column_names)}; take the revision that mteb names",
        )


def reduce(loaded: Any, subset: str, split: str, limit: int | None, seed: int) -> list[str]:
    """Keep ``limit`` test items of a part, in place.

    Returns:
        Row numbers (from 0, in the full data) of what is left; none for retrieval.
    """
    rows = split_of(loaded, subset, split)
    if isinstance(loaded, AbsTaskRetrieval):
        _reduce_queries(rows, limit, seed)
        return []
    if loaded.metadata.type == "PairClassification" and len(rows) == 1:
        # mteb's older data sets hold all pairs as lists in a single row.
        rows = Dataset.from_dict(dict(rows[0]))
    if isinstance(rows, dict):
        rows, kept = _reduce_gold(rows, limit, seed)
    elif isinstance(loaded, AbsTaskClusteringLegacy):
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
            alike = f"pairs of {loaded.metadata.name} all labelled alike"
            if limit is not None:
                raise UsageError(alike, "raise --limit")
            raise DataError(
                f"{alike}, in split {split!r} of subset {subset!r}", "check the data set"
            )
    home(loaded, subset)[split] = rows
    return [str(number) for number in kept]


def _choose(n: int, limit: int | None, seed: int) -> Indices:
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


def _reduce_gold(
    rows: dict[str, Any], limit: int | None, seed: int
) -> tuple[dict[str, Any], Indices]:
    """Keep ``limit`` sentences with their gold pairs, and all that they are searched in (BUCC)."""
    kept = _choose(len(rows["sentence1"]), limit, seed)
    chosen = {key: [rows[key][i] for i in kept] for key in ("sentence1", "gold")}
    return {**rows, **chosen}, kept


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
