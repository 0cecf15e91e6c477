"""Own-data embedding tasks: limits, what is encoded, and data that is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.errors import DataError, EngineError, UsageError
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.task import Instruction, Task
from helpers.bag_of_words import BagOfWords, checkpoint
from helpers.contexts import make_context
from helpers.own_tasks import own, run, sentence, write


def test_a_limit_keeps_ids_and_is_the_same_each_time(
    pairs: tuple[Task, list[dict[str, Any]]], tmp_path: Path
) -> None:
    task, _ = pairs
    whole = {row["sample"]: row["cosine"] for row in run(task, tmp_path).samples}
    first = run(task, tmp_path, limit=20)
    assert first.n == len(first.samples) == 20
    assert {row["sample"]: row["cosine"] for row in first.samples} == {
        row["sample"]: whole[row["sample"]] for row in first.samples
    }
    assert run(task, tmp_path, limit=20).samples == first.samples
    other = run(task, tmp_path, limit=20, seed=7)
    assert {row["sample"] for row in other.samples} != {row["sample"] for row in first.samples}
    larger = run(task, tmp_path, limit=40)
    assert {row["sample"] for row in first.samples} <= {row["sample"] for row in larger.samples}


def test_a_limit_on_queries_keeps_the_corpus(
    retrieval: tuple[Task, dict[str, str], dict[str, str], dict[str, Any]], tmp_path: Path
) -> None:
    task = retrieval[0]
    whole = {row["sample"]: row for row in run(task, tmp_path).samples}
    few = run(task, tmp_path, limit=5)
    assert few.n == 5
    assert all(row == whole[row["sample"]] for row in few.samples)


def test_a_limit_on_training_data_does_not_exist(classification: Task, tmp_path: Path) -> None:
    whole = {row["sample"]: row["predictions"] for row in run(classification, tmp_path).samples}
    few = run(classification, tmp_path, limit=6)
    assert few.n == 6
    assert all(row["predictions"] == whole[row["sample"]] for row in few.samples)


def test_a_limit_on_clustering_is_on_the_texts_of_each_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    rows = [
        {"texts": [sentence(rng) for _ in range(30)], "labels": [i % 2 for i in range(30)]}
        for _ in range(2)
    ]
    task = own("clustering", {"test": write(tmp_path / "c.jsonl", rows)})
    result = run(task, tmp_path, limit=10)
    assert [(row["texts"], row["clusters"]) for row in result.samples] == [(10, 2), (10, 2)]


def test_a_limit_that_leaves_nothing_to_measure_is_refused(
    pairs: tuple[Task, list[dict[str, Any]]], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="raise --limit"):
        run(pairs[0], tmp_path, limit=1)


def test_an_unknown_metric_names_the_near_ones(classification: Task, tmp_path: Path) -> None:
    task = classification.model_copy(update={"main_metric": "acuracy"})
    with pytest.raises(UsageError, match="did you mean accuracy"):
        run(task, tmp_path)


def test_collapsed_embeddings_are_no_result(classification: Task, tmp_path: Path) -> None:
    class Constant(BagOfWords):
        def encode(self, texts: Any, prefix: str = "", progress: Any = None) -> Any:
            return np.ones((len(texts), 4), dtype=np.float32)

    context = make_context(checkpoint=checkpoint(), workdir=tmp_path)
    with pytest.raises(EngineError, match="same vector"):
        MtebHarness().evaluate(classification, Constant(), context)


def test_preview_shows_what_evaluation_encodes(
    retrieval: tuple[Task, dict[str, str], dict[str, str], dict[str, Any]], tmp_path: Path
) -> None:
    task, texts, asked, _ = retrieval
    protocol = {"wrapper": {"template": "<{instruction}> ", "bare": "<> "}}
    context = make_context(
        checkpoint=checkpoint(**protocol),
        workdir=tmp_path,
        instruction=Instruction(query="Find: ", document=""),
    )
    encoder = BagOfWords()
    query, document = MtebHarness().preview(task, encoder, context)
    assert (query.side, query.text) == ("query", f"<Find> {asked['0']}")
    assert (document.side, document.text) == ("document", f"<> {texts['d0']}")
    assert query.token_ids == tuple(map(ord, query.text[:16]))
    assert encoder.calls == []

    result = MtebHarness().evaluate(task, encoder, context)
    encoded = {prefix + text for prefix, given in encoder.calls for text in given}
    assert {query.text, document.text} <= encoded
    assert {prefix for prefix, _ in encoder.calls} == {"<Find> ", "<> "}
    assert result.details == {
        "rendered": {
            shown.side: {"text": shown.text, "token_ids": list(shown.token_ids)}
            for shown in (query, document)
        },
        "instruction": {"query": "Find: ", "document": ""},
        "leaderboard_metric": "ndcg_at_10",
    }


ROWS: dict[str, dict[str, Any]] = {
    "sts": {"sentence1": "a", "sentence2": "b", "score": 1},
    "pair_classification": {"sentence1": "a", "sentence2": "b", "label": 1},
    "clustering": {"texts": ["a", "b"], "labels": ["x", "y"]},
    "reranking": {"query": "a", "positive": ["b"], "negative": ["c"]},
    "summarization": {
        "text": "a",
        "human_summaries": ["b"],
        "machine_summaries": ["c", "d"],
        "relevance": [1, 2],
    },
}


@pytest.mark.parametrize(
    ("kind", "bad", "message"),
    [
        ("sts", {"score": math.nan}, r":2: 'score' is not a finite number but nan"),
        ("sts", {"score": "high"}, r":2: 'score' is not a finite number but 'high'"),
        ("sts", {"score": 2, "sentence1": 3}, r":2: 'sentence1' is int, not text"),
        ("sts", {}, r": all rows have the same 'score'"),
        ("pair_classification", {"label": 2}, r":2: 'label' is 2, not 0 or 1"),
        ("pair_classification", {}, r": all rows have the label 1"),
        ("clustering", {"labels": ["x"]}, r":2: 'labels' is not a list with one label for each"),
        ("clustering", {"labels": ["x", "x"]}, r":2: all texts of the set have the same label"),
        ("clustering", {"texts": "ab"}, r":2: 'texts' is not a list of texts"),
        ("reranking", {"positive": []}, r":2: 'positive' is an empty list"),
        ("reranking", {"query": None}, r":2: column 'query' is null"),
        ("summarization", {"relevance": [1]}, r":2: 2 machine summaries but 1 relevance scores"),
        ("summarization", {"relevance": [1, None]}, r":2: 'relevance' is not a finite number"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, kind: str, bad: dict[str, Any], message: str) -> None:
    rows = [ROWS[kind], {**ROWS[kind], **bad}]
    with pytest.raises(DataError, match=r"own\.jsonl" + message):
        run(own(kind, {"test": write(tmp_path / "own.jsonl", rows)}), tmp_path)


def test_a_label_that_was_never_trained_is_named(classification: Task, tmp_path: Path) -> None:
    assert classification.data is not None
    with classification.data["test"].open("a") as stream:
        stream.write('{"q": "a", "label": "newt"}\n')
    with pytest.raises(DataError, match=r"test\.jsonl:31: label 'newt' does not occur in train"):
        run(classification, tmp_path)


@pytest.mark.parametrize(
    ("role", "row", "message"),
    [
        (
            "qrels",
            {"query-id": "x", "corpus-id": "d1", "score": 1},
            r"qrels\.jsonl:61: query-id 'x'",
        ),
        ("qrels", {"query-id": 1, "corpus-id": "x", "score": 1}, r"qrels\.jsonl:61: corpus-id 'x'"),
        ("qrels", {"query-id": 1, "corpus-id": "d1", "score": 0.5}, r":61: 'score' is 0\.5"),
        ("corpus", {"id": "d1", "text": "b"}, r"corpus\.jsonl:61: 'id' 'd1' occurs twice"),
        ("corpus", {"id": "e", "text": "b", "title": 1}, r"corpus\.jsonl:61: 'title' is int"),
        ("queries", {"text": "b"}, r"queries\.jsonl:22: column 'id' is missing"),
    ],
)
def test_judgements_must_name_what_exists(
    retrieval: tuple[Task, dict[str, str], dict[str, str], dict[str, Any]],
    tmp_path: Path,
    role: str,
    row: dict[str, Any],
    message: str,
) -> None:
    task = retrieval[0]
    assert task.data is not None
    with task.data[role].open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=message):
        run(task, tmp_path)
