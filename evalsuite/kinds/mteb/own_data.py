"""Embedding tasks on files of one's own, as mteb tasks with all data but a corpus in memory.

They run through the very evaluators of the public tasks of their type. Every bad row is found
before a model is asked for anything (:mod:`evalsuite.kinds.mteb.own_tables`).
"""

from __future__ import annotations

from collections.abc import Callable
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

from evalsuite.kinds.mteb.own_tables import Columns, Judged, Ranked, checked_data
from evalsuite.kinds.mteb.speed import InMemoryLabels
from evalsuite.kinds.mteb.task import OwnEmbeddingTask


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
    return _BUILDERS[task.type](task, checked_data(task), seed)


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


def _test(columns: Columns) -> DatasetDict:
    return DatasetDict({"test": Dataset.from_dict(columns)})


def _classification(task: OwnEmbeddingTask, splits: dict[str, Columns], seed: int) -> Any:
    data = DatasetDict({name: Dataset.from_dict(columns) for name, columns in splits.items()})
    return OwnClassification(_metadata(task, "Classification", "accuracy"), data, seed)


def _clustering(task: OwnEmbeddingTask, columns: Columns, seed: int) -> Any:
    return OwnClustering(_metadata(task, "Clustering", "v_measure"), _test(columns), seed)


def _pairs(task: OwnEmbeddingTask, columns: Columns, seed: int) -> Any:
    metadata = _metadata(task, "PairClassification", "cosine_ap")
    return OwnPairClassification(metadata, _test(columns), seed)


def _sts(task: OwnEmbeddingTask, columns: Columns, seed: int) -> Any:
    built: Any = OwnSTS(_metadata(task, "STS", "cosine_spearman"), _test(columns), seed)
    built.min_score, built.max_score = min(columns["score"]), max(columns["score"])
    return built


def _summarization(task: OwnEmbeddingTask, columns: Columns, seed: int) -> Any:
    metadata = _metadata(task, "Summarization", "cosine_spearman")
    built: Any = OwnSummarization(metadata, _test(columns), seed)
    scores = [score for row in columns["relevance"] for score in row]
    built.min_score, built.max_score = min(scores), max(scores)
    return built


def _retrieval(task: OwnEmbeddingTask, judged: Judged, seed: int) -> Any:
    data = RetrievalSplitData(
        corpus=judged.corpus,
        queries=Dataset.from_dict(judged.queries),
        relevant_docs=judged.qrels,
        top_ranked=None,
    )
    metadata = _metadata(task, "Retrieval", "ndcg_at_10")
    return OwnRetrieval(metadata, {"default": {"test": data}}, seed)


def _reranking(task: OwnEmbeddingTask, ranked: Ranked, seed: int) -> Any:
    data = RetrievalSplitData(
        corpus=Dataset.from_list(ranked.documents),
        queries=Dataset.from_dict(ranked.queries),
        relevant_docs=ranked.qrels,
        top_ranked=ranked.candidates,
    )
    metadata = _metadata(task, "Reranking", "map_at_1000")
    return OwnRetrieval(metadata, {"default": {"test": data}}, seed)


_BUILDERS: dict[str, Callable[[OwnEmbeddingTask, Any, int], Any]] = {
    "classification": _classification,
    "clustering": _clustering,
    "pair_classification": _pairs,
    "reranking": _reranking,
    "retrieval": _retrieval,
    "sts": _sts,
    "summarization": _summarization,
}
