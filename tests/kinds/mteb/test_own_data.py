"""Own-data embedding tasks: every score against a computation written out here."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, v_measure_score

from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.task import Task
from evalsuite.stats import average_precision_se, mean_se, spearman_se
from helpers.bag_of_words import embed
from helpers.own_tasks import WORDS, own, run, sentence, write


def cosine(a: str, b: str) -> float:
    u, v = embed(a).astype(float), embed(b).astype(float)
    return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))


def raw_score(evaluation: Evaluation) -> float:
    return float(evaluation.raw["scores"]["test"][0][evaluation.main_metric])


def test_classification_is_ten_logistic_regressions_on_eight_texts_a_label(
    classification: Task, tmp_path: Path
) -> None:
    assert classification.data is not None
    train, test = (
        [json.loads(line) for line in classification.data[role].open()]
        for role in ("train", "test")
    )
    names = sorted({row["label"] for row in train})
    x_test = np.stack([embed(row["q"]) for row in test])
    y_test = np.array([names.index(row["label"]) for row in test])
    order = list(range(len(train)))
    guesses = []
    for _ in range(10):
        np.random.RandomState(42).shuffle(order)
        chosen: list[int] = []
        for i in order:
            if sum(train[j]["label"] == train[i]["label"] for j in chosen) < 8:
                chosen.append(i)
        model = LogisticRegression(max_iter=100, random_state=42)
        model.fit(
            np.stack([embed(train[i]["q"]) for i in chosen]),
            [names.index(train[i]["label"]) for i in chosen],
        )
        guesses.append(model.predict(x_test))
    expected = np.mean([accuracy_score(y_test, guess) for guess in guesses])
    right = np.mean([guess == y_test for guess in guesses], axis=0)

    result = run(classification, tmp_path)
    assert result.main_metric == "accuracy"
    assert result.score == pytest.approx(expected, abs=1e-9)
    assert result.score == pytest.approx(raw_score(result), abs=1e-9)
    assert result.estimator == "mean"
    assert [row["score"] for row in result.samples] == pytest.approx(list(right))
    assert [row["gold"] for row in result.samples] == list(y_test)
    assert result.stderr == pytest.approx(mean_se(right))
    assert result.n == 30
    assert 0.4 < result.score < 1


def test_clustering_is_the_mean_v_measure_over_sets(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for size in (12, 20, 16):
        labels = [str(i % 4) for i in range(size)]
        texts = [f"{sentence(rng, 2)} {WORDS[int(label)] * 2}" for label in labels]
        rows.append({"texts": texts, "labels": labels})
    expected = []
    for row in rows:
        model = MiniBatchKMeans(n_clusters=4, batch_size=500, n_init="auto", random_state=42)
        found = model.fit_predict(np.stack([embed(text) for text in row["texts"]]))
        expected.append(v_measure_score(row["labels"], found))

    result = run(own("clustering", {"test": write(tmp_path / "c.jsonl", rows)}), tmp_path)
    assert [row["score"] for row in result.samples] == pytest.approx(expected)
    assert result.score == pytest.approx(np.mean(expected))
    assert result.score == pytest.approx(raw_score(result), abs=1e-9)
    assert result.estimator == "mean"
    assert result.stderr == pytest.approx(mean_se(expected))
    assert (result.main_metric, result.n) == ("v_measure", 3)

    one = run(own("clustering", {"test": write(tmp_path / "one.jsonl", rows[:1])}), tmp_path)
    assert one.stderr is None


def test_pair_classification_is_the_average_precision_of_the_cosine(
    pairs: tuple[Task, list[dict[str, Any]]], tmp_path: Path
) -> None:
    task, rows = pairs
    labels = [row["label"] for row in rows]
    similar = [cosine(row["sentence1"], row["sentence2"]) for row in rows]
    result = run(task, tmp_path)
    assert result.main_metric == "cosine_ap"
    assert result.score == pytest.approx(average_precision_score(labels, similar), abs=1e-6)
    assert result.score == pytest.approx(raw_score(result), abs=1e-9)
    assert result.estimator == "average_precision"
    assert [row["cosine"] for row in result.samples] == pytest.approx(similar, abs=1e-5)
    again = average_precision_score(labels, [row["cosine"] for row in result.samples])
    assert again == pytest.approx(result.score, abs=1e-9)
    assert result.stderr == pytest.approx(average_precision_se(labels, similar), rel=1e-3)
    assert result.metrics["max_ap"] >= result.metrics["cosine_ap"]


def test_max_ap_is_the_best_similarity_of_the_samples(
    pairs: tuple[Task, list[dict[str, Any]]], tmp_path: Path
) -> None:
    task, _ = pairs
    result = run(task.model_copy(update={"main_metric": "max_ap"}), tmp_path)
    sides = ("cosine", "dot", "manhattan", "euclidean")
    columns = {side: [row[side] for row in result.samples] for side in sides}
    labels = [row["label"] for row in result.samples]
    best = max(average_precision_score(labels, column) for column in columns.values())
    assert result.score == pytest.approx(best, abs=1e-6)
    assert result.estimator == "average_precision"
    assert result.stderr is not None


def test_sts_is_spearman_of_the_cosine_with_ties_sharing_ranks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for i in range(60):
        first = sentence(rng)
        keep = i % 6
        second = " ".join(first.split()[:keep] + sentence(rng, 6 - keep).split())
        rows.append({"sentence1": first, "sentence2": second, "score": float(keep)})
    gold = [row["score"] for row in rows]
    similar = [cosine(row["sentence1"], row["sentence2"]) for row in rows]
    result = run(own("sts", {"test": write(tmp_path / "s.jsonl", rows)}), tmp_path)
    assert result.main_metric == "cosine_spearman"
    assert result.score == pytest.approx(spearmanr(gold, similar).statistic, abs=1e-6)
    assert result.estimator == "spearman"
    again = spearmanr(
        [row["gold"] for row in result.samples], [row["cosine"] for row in result.samples]
    )
    assert again.statistic == pytest.approx(raw_score(result), abs=1e-9)
    assert result.stderr == pytest.approx(spearman_se(gold, similar), rel=1e-3)
    assert [row["sample"] for row in result.samples[:3]] == ["0", "1", "2"]


def test_reranking_is_the_mean_average_precision_over_queries(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(25):
        query = sentence(rng)
        near = [" ".join([*query.split()[:2], *sentence(rng, 3).split()]) for _ in range(2)]
        rows.append(
            {"query": query, "positive": near, "negative": [sentence(rng) for _ in range(5)]}
        )
    expected = []
    for row in rows:
        candidates = [(text, True) for text in row["positive"]]
        candidates += [(text, False) for text in row["negative"]]
        ranked = sorted(candidates, key=lambda c: cosine(row["query"], c[0]), reverse=True)
        hits = [rank for rank, (_, relevant) in enumerate(ranked, 1) if relevant]
        expected.append(np.mean([k / rank for k, rank in enumerate(hits, 1)]))

    result = run(own("reranking", {"test": write(tmp_path / "r.jsonl", rows)}), tmp_path)
    by_id = {row["sample"]: row for row in result.samples}
    assert result.main_metric == "map_at_1000"
    assert [by_id[str(i)]["score"] for i in range(25)] == pytest.approx(expected, abs=1e-6)
    assert result.score == pytest.approx(np.mean(expected), abs=1e-6)
    assert result.estimator == "mean"
    assert round(result.score, 5) == pytest.approx(raw_score(result), abs=1e-9)
    assert result.stderr == pytest.approx(mean_se(expected), rel=1e-4)
    assert 0.3 < result.score < 1


def test_equal_candidates_count_against_the_model(tmp_path: Path) -> None:
    rows = [
        {"query": "a stone", "positive": ["same words"], "negative": ["same words"]},
        {"query": "a cloud", "positive": ["a cloud"], "negative": ["winter"]},
    ]
    result = run(own("reranking", {"test": write(tmp_path / "r.jsonl", rows)}), tmp_path)
    assert {row["sample"]: row["score"] for row in result.samples} == {"0": 0.5, "1": 1.0}


def test_retrieval_is_ndcg_at_10_with_linear_gains(
    retrieval: tuple[Task, dict[str, str], dict[str, str], dict[str, Any]], tmp_path: Path
) -> None:
    task, texts, asked, judged = retrieval
    expected = {}
    for name, query in asked.items():
        ranked = sorted(texts, key=lambda d: (cosine(query, texts[d]), d), reverse=True)
        # trec_eval: gain = relevance, discount = log2(rank + 1), ideal over the judged.
        gains = [judged[name].get(document, 0) for document in ranked[:10]]
        ideal = sorted(judged[name].values(), reverse=True)[:10]
        dcg, best = (
            sum(gain / math.log2(rank + 1) for rank, gain in enumerate(side, 1))
            for side in (gains, ideal)
        )
        expected[name] = dcg / best
    result = run(task, tmp_path)
    found = {row["sample"]: row["score"] for row in result.samples}
    assert found == pytest.approx(expected, abs=1e-6)
    assert result.score == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
    assert result.estimator == "mean"
    assert round(result.score, 5) == pytest.approx(raw_score(result), abs=1e-9)
    assert result.stderr == pytest.approx(mean_se(list(expected.values())), rel=1e-4)
    assert result.n == 20
    assert len(result.samples[0]["documents"]) == 10
    assert not any(name.startswith("nauc") for name in result.metrics)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("mrr_at_5", lambda hits: next((1 / r for r in hits if r <= 5), 0.0)),
        ("recall_at_3", lambda hits: sum(r <= 3 for r in hits) / 2),
        ("precision_at_3", lambda hits: sum(r <= 3 for r in hits) / 3),
        ("hit_rate_at_1", lambda hits: float(hits[0] == 1)),
    ],
)
def test_other_metrics_have_a_value_per_query(
    retrieval: tuple[Task, dict[str, str], dict[str, str], dict[str, Any]],
    tmp_path: Path,
    metric: str,
    value: Any,
) -> None:
    task, texts, asked, judged = retrieval
    result = run(task.model_copy(update={"main_metric": metric}), tmp_path)
    for row in result.samples:
        query = asked[row["sample"]]
        ranked = sorted(texts, key=lambda d: (cosine(query, texts[d]), d), reverse=True)
        relevant = [d for d, score in judged[row["sample"]].items() if score > 0]
        hits = sorted(ranked.index(document) + 1 for document in relevant)
        assert row["score"] == pytest.approx(value(hits))
    assert result.score == pytest.approx(raw_score(result), abs=1e-5)


def test_summarization_is_the_mean_of_correlations_per_text(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    rows, expected = [], []
    for i in range(12):
        text = sentence(rng, 12)
        humans = [" ".join(rng.permutation(text.split())[:8]) for _ in range(2)]
        quality = [1.0, 2.0, 3.0, 4.0] if i != 5 else [2.0] * 4
        machines = [
            " ".join([*text.split()[: int(2 * q)], *sentence(rng, 8 - int(2 * q)).split()])
            for q in (1, 2, 3, 4)
        ]
        rows.append(
            {
                "text": text,
                "human_summaries": humans,
                "machine_summaries": machines,
                "relevance": quality,
            }
        )
        if i != 5:
            best = [max(cosine(machine, human) for human in humans) for machine in machines]
            expected.append(spearmanr(quality, best).statistic)
    result = run(own("summarization", {"test": write(tmp_path / "m.jsonl", rows)}), tmp_path)
    assert [row["sample"] for row in result.samples] == [str(i) for i in range(12) if i != 5]
    assert [row["score"] for row in result.samples] == pytest.approx(expected)
    assert result.score == pytest.approx(np.mean(expected))
    assert result.score == pytest.approx(raw_score(result), abs=1e-9)
    assert result.estimator == "mean"
    assert result.stderr == pytest.approx(mean_se(expected))
    assert result.warnings == (
        "1 texts left out: all their summaries are rated, or embedded, alike",
    )
