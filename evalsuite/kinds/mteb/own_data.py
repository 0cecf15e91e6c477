"""Embedding tasks on files of one's own, as mteb tasks with all data but a corpus in memory.

They run through the very evaluators of the public tasks of their type. Every bad row is found
before a model is asked for anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering_legacy import AbsTaskClusteringLegacy
from mteb.abstasks.pair_classification import AbsTaskPairClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.summarization import AbsTaskSummarization

from evalsuite.data import groups_of, read_rows, require_columns
from evalsuite.errors import DataError
from evalsuite.kinds.mteb.own_corpus import read_corpus
from evalsuite.kinds.mteb.speed import InMemoryLabels
from evalsuite.kinds.mteb.task import COLUMNS, OwnEmbeddingTask
from evalsuite.search.corpus import Corpus

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OwnTable:
    """One file of a task, with its columns under their standard names."""

    path: Path
    rows: list[Row]

    def error(self, index: int, message: str) -> DataError:
        """An error about row ``index`` (from 0)."""
        return DataError(f"{self.path}:{index + 1}: {message}")

    def texts(self, column: str) -> list[str]:
        """A column of texts."""
        for index, row in enumerate(self.rows):
            if not isinstance(row[column], str):
                raise self.error(index, f"{column!r} is {_kind(row[column])}, not text")
        return [row[column] for row in self.rows]

    def text_lists(self, column: str) -> list[list[str]]:
        """A column of lists of texts, none of them empty."""
        for index, row in enumerate(self.rows):
            value = row[column]
            if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
                raise self.error(index, f"{column!r} is not a list of texts")
            if not value:
                raise self.error(index, f"{column!r} is an empty list")
        return [row[column] for row in self.rows]

    def numbers(self, column: str) -> list[float]:
        """A column of finite numbers."""
        for index, row in enumerate(self.rows):
            self._check_number(index, column, row[column])
        return [float(row[column]) for row in self.rows]

    def number_lists(self, column: str) -> list[list[float]]:
        """A column of lists of finite numbers."""
        for index, row in enumerate(self.rows):
            if not isinstance(row[column], list):
                raise self.error(index, f"{column!r} is not a list of numbers")
            for value in row[column]:
                self._check_number(index, column, value)
        return [[float(value) for value in row[column]] for row in self.rows]

    def ids(self, column: str = "id") -> list[str]:
        """A column of ids, each different from the others."""
        seen: set[str] = set()
        for index, row in enumerate(self.rows):
            name = str(row[column])
            if name in seen:
                raise self.error(index, f"{column!r} {name!r} occurs twice")
            seen.add(name)
        return [str(row[column]) for row in self.rows]

    def _check_number(self, index: int, column: str, value: object) -> None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value):  # type: ignore[arg-type]
            raise self.error(index, f"{column!r} is not a finite number but {value!r}")


def _kind(value: object) -> str:
    return type(value).__name__


class _InMemory:
    """Mixin: an mteb task whose metadata and data are given instead of declared and loaded."""

    def __init__(self, metadata: TaskMetadata, dataset: Any, seed: int) -> None:
        self.metadata = metadata
        super().__init__(seed=seed)  # type: ignore[call-arg]  # of the mteb class
        self.dataset = dataset
        self.data_loaded = True


class OwnClassification(_InMemory, InMemoryLabels, AbsTaskClassification):  # type: ignore[misc]
    """10 experiments with 8 training texts per label and logistic regression, as in mteb."""


class OwnClustering(_InMemory, AbsTaskClusteringLegacy):  # type: ignore[misc]
    """Mini-batch k-means on each set of texts; the score is the mean V-measure over sets."""


class OwnPairClassification(_InMemory, AbsTaskPairClassification):  # type: ignore[misc]
    """Average precision of the similarity of pairs."""


class OwnRetrieval(_InMemory, AbsTaskRetrieval):  # type: ignore[misc]
    """Search in a corpus, or ranking of given candidates (reranking)."""


class OwnSTS(_InMemory, AbsTaskSTS):  # type: ignore[misc]
    """Rank correlation of the similarity of pairs with gold scores."""


class OwnSummarization(_InMemory, AbsTaskSummarization):  # type: ignore[misc]
    """Rank correlation, per text, of machine summaries' similarity to human ones."""


def build_own_task(task: OwnEmbeddingTask, seed: int) -> Any:
    """Build the mteb task of an own-data task.

    Args:
        task: With ``type``, ``data`` (absolute paths) and ``columns``.
        seed: Of mteb's experiments.

    Returns:
        An ``AbsTask`` with its data loaded, split ``test``, subset ``default``.

    Raises:
        DataError: For a missing file or column or a row that cannot be evaluated, naming file
            and row.
    """
    assert task.type is not None
    assert task.data is not None
    columns = COLUMNS[task.type]
    tables = {
        role: _read_table(path, columns[role], task.columns)
        for role, path in task.data.items()
        if role != "corpus"  # may be too large for this
    }
    return _BUILDERS[task.type](task, tables, seed)


def own_groups(task: OwnEmbeddingTask) -> dict[str, str]:
    """What the items of an own-data task belong to: item → value of its column ``group``.

    Items are the test rows by number, for retrieval the queries by id.

    Raises:
        DataError: If only some rows have a group.
    """
    assert task.data is not None
    path = task.data["queries" if task.type == "retrieval" else "test"]
    rows = read_rows(path)
    groups = groups_of(rows, task.columns, path)
    if groups is None:
        return {}
    key = task.columns.get("id", "id") if task.type == "retrieval" else None
    names = [str(row[key]) if key else str(number) for number, row in enumerate(rows)]
    return dict(zip(names, groups, strict=True))


def _read_table(path: Path, columns: Sequence[str], mapping: dict[str, str]) -> OwnTable:
    rows = read_rows(path)
    require_columns(rows, columns, mapping, path)
    names = {given: standard for standard, given in mapping.items()}
    return OwnTable(path, [{names.get(key, key): row[key] for key in row} for row in rows])


def _metadata(task: OwnEmbeddingTask, kind: str, main_score: str) -> TaskMetadata:
    return TaskMetadata(
        name=task.name,
        description=task.description or task.name,
        dataset={"path": task.name, "revision": task.version},
        type=kind,
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=main_score,
    )


def _classification(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    train, test = tables["train"], tables["test"]
    for table in (train, test):
        for index, row in enumerate(table.rows):
            if not isinstance(row["label"], (str, int)):
                raise table.error(index, f"'label' is {_kind(row['label'])}, not text or integer")
    labels = sorted({str(row["label"]) for row in train.rows})
    if len(labels) < 2:
        raise DataError(f"{train.path}: all rows have the label {labels[0]!r}", "add another")
    number = {label: index for index, label in enumerate(labels)}
    for index, row in enumerate(test.rows):
        if str(row["label"]) not in number:
            raise test.error(index, f"label {row['label']!r} does not occur in {train.path.name}")
    splits = {
        name: Dataset.from_dict(
            {
                "text": table.texts("text"),
                "label": [number[str(row["label"])] for row in table.rows],
            }
        )
        for name, table in (("train", train), ("test", test))
    }
    return OwnClassification(
        _metadata(task, "Classification", "accuracy"), DatasetDict(splits), seed
    )


def _clustering(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    table = tables["test"]
    texts = table.text_lists("texts")
    numbered: list[list[int]] = []
    for index, row in enumerate(table.rows):
        labels = row["labels"]
        if not isinstance(labels, list) or len(labels) != len(texts[index]):
            raise table.error(index, "'labels' is not a list with one label for each text")
        known = {label: n for n, label in enumerate(sorted(set(map(str, labels))))}
        if len(known) < 2:
            raise table.error(index, "all texts of the set have the same label")
        numbered.append([known[str(label)] for label in labels])
    data = Dataset.from_dict({"sentences": texts, "labels": numbered})
    return OwnClustering(
        _metadata(task, "Clustering", "v_measure"), DatasetDict({"test": data}), seed
    )


def _pairs(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    table = tables["test"]
    labels = [row["label"] for row in table.rows]
    for index, label in enumerate(labels):
        if label not in (0, 1):
            raise table.error(index, f"'label' is {label!r}, not 0 or 1")
    if len(set(labels)) < 2:
        raise DataError(f"{table.path}: all rows have the label {labels[0]!r}", "add another")
    columns = {
        "sentence1": table.texts("sentence1"),
        "sentence2": table.texts("sentence2"),
        "labels": [int(label) for label in labels],
    }
    data = DatasetDict({"test": Dataset.from_dict(columns)})
    return OwnPairClassification(_metadata(task, "PairClassification", "cosine_ap"), data, seed)


def _sts(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    table = tables["test"]
    scores = table.numbers("score")
    if len(set(scores)) < 2:
        raise DataError(f"{table.path}: all rows have the same 'score'", "add rows that differ")
    columns = {
        "sentence1": table.texts("sentence1"),
        "sentence2": table.texts("sentence2"),
        "score": scores,
    }
    data = DatasetDict({"test": Dataset.from_dict(columns)})
    built: Any = OwnSTS(_metadata(task, "STS", "cosine_spearman"), data, seed)
    built.min_score, built.max_score = min(scores), max(scores)
    return built


def _summarization(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    table = tables["test"]
    machine, relevance = table.text_lists("machine_summaries"), table.number_lists("relevance")
    for index, (summaries, scores) in enumerate(zip(machine, relevance, strict=True)):
        if len(summaries) != len(scores):
            raise table.error(
                index, f"{len(summaries)} machine summaries but {len(scores)} relevance scores"
            )
    scores = [score for row in relevance for score in row]
    if all(len(set(row)) < 2 for row in relevance):
        raise DataError(
            f"{table.path}: 'relevance' does not differ within any row", "add rows where it does"
        )
    columns = {
        "text": table.texts("text"),
        "human_summaries": table.text_lists("human_summaries"),
        "machine_summaries": machine,
        "relevance": relevance,
    }
    data = DatasetDict({"test": Dataset.from_dict(columns)})
    built: Any = OwnSummarization(_metadata(task, "Summarization", "cosine_spearman"), data, seed)
    built.min_score, built.max_score = min(scores), max(scores)
    return built


def _retrieval(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    assert task.data is not None
    path = task.data["corpus"]
    corpus = read_corpus(path, task.columns)
    queries, qrels = tables["queries"], tables["qrels"]
    asked = {"id": queries.ids(), "text": queries.texts("text")}
    known_queries = set(asked["id"])
    known_documents = Corpus(corpus).rows_of({str(row["corpus-id"]) for row in qrels.rows})
    judged: dict[str, dict[str, int]] = {}
    for index, (row, score) in enumerate(zip(qrels.rows, qrels.numbers("score"), strict=True)):
        query, document = str(row["query-id"]), str(row["corpus-id"])
        if query not in known_queries:
            raise qrels.error(index, f"query-id {query!r} is not in {queries.path.name}")
        if document not in known_documents:
            raise qrels.error(index, f"corpus-id {document!r} is not in {path.name}")
        if score != int(score):
            raise qrels.error(index, f"'score' is {score}, not an integer")
        judged.setdefault(query, {})[document] = int(score)
    if not any(score > 0 for row in judged.values() for score in row.values()):
        raise DataError(f"{qrels.path}: no document has a 'score' above 0", "judge some relevant")
    kept = [i for i, name in enumerate(asked["id"]) if name in judged]
    data = RetrievalSplitData(
        corpus=corpus,
        queries=Dataset.from_dict(asked).select(kept),
        relevant_docs=judged,
        top_ranked=None,
    )
    metadata = _metadata(task, "Retrieval", "ndcg_at_10")
    return OwnRetrieval(metadata, {"default": {"test": data}}, seed)


def _reranking(task: OwnEmbeddingTask, tables: dict[str, OwnTable], seed: int) -> Any:
    """Candidates are ranked by similarity; equal ones in the order that favours negatives.

    trec_eval breaks ties by descending id, so ids of negatives (``…-n…``) go before those of
    positives (``…-a…``).
    """
    table = tables["test"]
    corpus: list[Row] = []
    judged: dict[str, dict[str, int]] = {}
    candidates: dict[str, list[str]] = {}
    sides = [
        (table.text_lists("positive"), "a", 1),
        (table.text_lists("negative"), "n", 0),
    ]
    for query in map(str, range(len(table.rows))):
        judged[query] = {}
        for texts, letter, relevant in sides:
            for number, text in enumerate(texts[int(query)]):
                name = f"{query}-{letter}{number:05d}"
                corpus.append({"id": name, "title": "", "text": text})
                judged[query][name] = relevant
        candidates[query] = list(judged[query])
    asked = {"id": list(judged), "text": table.texts("query")}
    data = RetrievalSplitData(
        corpus=Dataset.from_list(corpus),
        queries=Dataset.from_dict(asked),
        relevant_docs=judged,
        top_ranked=candidates,
    )
    metadata = _metadata(task, "Reranking", "map_at_1000")
    return OwnRetrieval(metadata, {"default": {"test": data}}, seed)


_BUILDERS: dict[str, Callable[[OwnEmbeddingTask, dict[str, OwnTable], int], Any]] = {
    "classification": _classification,
    "clustering": _clustering,
    "pair_classification": _pairs,
    "reranking": _reranking,
    "retrieval": _retrieval,
    "sts": _sts,
    "summarization": _summarization,
}
