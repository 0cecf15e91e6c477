"""The paper's suites against mteb's own benchmark definitions and the paper's Table 26."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import mteb
import pytest

from evalsuite.kinds.mteb.scope import scope_of
from evalsuite.kinds.mteb.tasks import find
from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite

REGISTRY = Registry.load()
CATEGORIES = {
    "CLF": "Classification",
    "Clust": "Clustering",
    "Pair": "Pair classification",
    "Rerank": "Reranking",
    "Retr": "Retrieval",
    "STS": "STS",
    "Summ": "Summarization",
}


def benchmark(name: str) -> dict[str, Any]:
    """Task name → mteb task of a benchmark, the parts in the place of an aggregate."""
    found: dict[str, Any] = {}
    for task in mteb.get_benchmark(name).tasks:
        parts = task.metadata.tasks if task.is_aggregate else [task]
        found.update({part.metadata.name: part for part in parts})
    return found


@pytest.mark.parametrize(
    ("suite", "name"), [("grit-embedding", "MTEB(eng, v1)"), ("mteb-eng-v2", "MTEB(eng, v2)")]
)
def test_tasks_subsets_splits_and_revisions_are_the_benchmarks(suite: str, name: str) -> None:
    official = benchmark(name)
    ours = {task.name: task for task in REGISTRY.suite_tasks(REGISTRY.suite(suite))}
    assert set(ours) == set(official)
    for task in ours.values():
        dataset = official[task.name].metadata.dataset
        assert task.datasets == {dataset["path"]: dataset["revision"]}, task.name
        loaded = find(task, scope_of(task), seed=42)
        assert loaded.hf_subsets == official[task.name].hf_subsets, task.name
        assert loaded.eval_splits == (["dev"] if task.name == "MSMARCO" else ["test"])


@pytest.mark.realdata
def test_categories_are_those_of_table_26(shared_data: Path) -> None:
    with (shared_data.parent / "reference" / "mteb_table26.csv").open() as stream:
        paper = {
            row["dataset"]: CATEGORIES[row["category"]]
            for row in csv.DictReader(stream)
            if row["category"] in CATEGORIES
        }
    assert len(paper) == 56
    suite = REGISTRY.suite("grit-embedding")
    members = {task for mean in suite.subtask_means for task in mean.mean_of}
    ours = {task.name: task.category for task in REGISTRY.suite_tasks(suite)}
    assert all(ours.pop(task) == "Retrieval" for task in members)
    ours.update({mean.name: mean.category for mean in suite.subtask_means})
    assert ours == paper


def test_pair_classification_counts_by_cosine_ap_as_in_the_paper() -> None:
    """And mteb's own main score is another, so that the leaderboard's is stored beside it."""
    pairs = [t for t in REGISTRY.tasks.values() if t.category == "Pair classification" and t.source]
    assert len(pairs) == 3
    for task in pairs:
        assert task.main_metric == "cosine_ap"
        assert mteb.get_task(task.source).metadata.main_score == "max_ap"


QUICK = (
    "Banking77Classification EmotionClassification MedrxivClusteringS2S TwitterSemEval2015 "
    "AskUbuntuDupQuestions ArguAna NFCorpus SciFact BIOSSES STS17 STSBenchmark SummEval"
)
GENERATIVE = ["MMLU", "GSM8K", "BBH", "TyDiQA", "HumanEvalSynthesize", "AlpacaEval"]


def worlds(suite: Suite) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"embedding": [], "generative": []}
    for task in REGISTRY.suite_tasks(suite):
        found[kind_of(task).world].append(task.name)
    return found


def test_the_paper_is_56_and_6() -> None:
    both = worlds(REGISTRY.suite("grit"))
    assert both["embedding"] == worlds(REGISTRY.suite("grit-embedding"))["embedding"]
    assert both["generative"] == GENERATIVE
    assert worlds(REGISTRY.suite("grit-generative")) == {"embedding": [], "generative": GENERATIVE}
    labels = [
        [column.label for column in section.columns] for section in REGISTRY.suite("grit").sections
    ]
    assert [len(columns) for columns in labels] == [7, 6]
    assert [section.average for section in REGISTRY.suite("grit").sections] == ["tasks", "columns"]


def test_quick_is_the_authors_quick_eval_and_parts_of_the_six() -> None:
    """QUICK_EVAL of the authors' ``eval_mteb.py``."""
    both = worlds(REGISTRY.suite("grit-quick"))
    assert both["embedding"] == QUICK.split()
    assert both["generative"] == [f"{name}-quick" for name in GENERATIVE]


def test_task_files_and_lm_evals_own_files_pin_the_same_commits() -> None:
    """The plan and ``data fetch`` read one, lm-eval the other."""
    from evalsuite.kinds.lm_eval.needs import datasets_of_name

    tasks = [t for t in REGISTRY.tasks.values() if t.kind == "lm_eval" and t.source and t.datasets]
    assert len(tasks) == 13
    for task in tasks:
        for source in filter(None, (task.source, task.base_source)):
            assert datasets_of_name(source) == task.datasets, source
