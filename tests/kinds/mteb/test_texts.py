"""What is kept to be read beside samples, against the files that it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import v_measure_score

from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.mteb import clusters
from evalsuite.kinds.mteb import texts as module
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from evalsuite.sample_texts import LONGEST, SampleTexts
from helpers.bag_of_words import BagOfWords, checkpoint, embed
from helpers.contexts import make_context
from helpers.own_tasks import own, run, sentence, write

RNG = np.random.default_rng(3)


def texts_of(evaluation: Evaluation) -> SampleTexts:
    assert evaluation.texts is not None
    return evaluation.texts


def items_of(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    return {item["sample"]: dict(item) for item in texts_of(evaluation).items}


@pytest.fixture
def retrieval(tmp_path: Path) -> dict[str, Path]:
    corpus = [
        {"id": f"d{n}", "title": f"title {n}" if n % 2 else "", "text": sentence(RNG)}
        for n in range(40)
    ]
    corpus[7]["text"] = "river " * LONGEST
    return {
        "corpus": write(tmp_path / "corpus.jsonl", corpus),
        "queries": write(
            tmp_path / "queries.jsonl", [{"id": f"q{n}", "text": f"ask {n}"} for n in range(6)]
        ),
        "qrels": write(
            tmp_path / "qrels.jsonl",
            [
                {"query-id": f"q{n}", "corpus-id": f"d{n + more}", "score": 1 + more}
                for n in range(6)
                for more in (0, 1)
            ],
        ),
    }


def test_queries_documents_and_similarities(retrieval: dict[str, Path], tmp_path: Path) -> None:
    result = run(own("retrieval", retrieval), tmp_path)
    corpus = pd.read_json(retrieval["corpus"], lines=True).set_index("id")
    texts, items = texts_of(result), items_of(result)
    assert items["q2"]["query"] == "ask 2"
    assert items["q2"]["relevant"] == ["d3", "d2"], "the most relevant first"
    assert texts.found == {}
    assert {name for _, name in texts.named} == set(corpus.index), "a small corpus is kept whole"
    assert texts.named["default", "d1"] == f"title 1\n{corpus.text['d1']}"
    assert texts.named["default", "d2"] == corpus.text["d2"]
    long = texts.named["default", "d7"]
    assert long.startswith("title 7\nriver")
    assert long.endswith("more characters)")
    assert len(long) < LONGEST + 50
    for row in result.samples:
        query = embed(items[row["sample"]]["query"]).astype(float)
        for name, similarity in zip(row["documents"], row["similarities"], strict=True):
            document = embed(f"{corpus.title[name]} {corpus.text[name]}".strip()).astype(float)
            cosine = query @ document / np.linalg.norm(query) / np.linalg.norm(document)
            assert similarity == pytest.approx(cosine, abs=6e-4)


def test_of_a_large_corpus_the_relevant_and_the_found(
    retrieval: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(texts: Any, most: int = 0) -> Any:
        kept = dict(texts)
        return kept, len(kept) < 40

    monkeypatch.setattr(module, "within", small)
    result = run(own("retrieval", retrieval), tmp_path)
    texts = texts_of(result)
    assert {name for _, name in texts.named} == {f"d{n}" for n in range(7)}
    named = {name for row in result.samples for name in row["documents"]}
    assert {name for _, name in texts.found} == named
    order = [name for _, name in texts.found]
    best = list(dict.fromkeys(row["documents"][0] for row in result.samples))
    assert order[: len(best)] == best, "the first documents of all queries come first"


def test_pairs(tmp_path: Path) -> None:
    rows = [
        {"sentence1": sentence(RNG), "sentence2": sentence(RNG), "score": float(n % 5)}
        for n in range(20)
    ]
    result = run(own("sts", {"test": write(tmp_path / "t.jsonl", rows)}), tmp_path, limit=8)
    items = items_of(result)
    assert len(items) == 8
    for row in result.samples:
        source = rows[int(row["sample"])]
        assert items[row["sample"]]["sentence1"] == source["sentence1"]
        assert items[row["sample"]]["sentence2"] == source["sentence2"]
        assert row["gold"] == source["score"]


def test_the_members_of_clusters_give_the_score(tmp_path: Path) -> None:
    """Sets this small are shown whole: their labels and clusters give mteb's V-measure."""
    rows = [
        {
            "texts": [sentence(RNG) for _ in range(20)],
            "labels": [f"l{i % 4}" for i in range(20)],
        }
        for _ in range(3)
    ]
    result = run(own("clustering", {"test": write(tmp_path / "t.jsonl", rows)}), tmp_path)
    items = items_of(result)
    for place, row in enumerate(result.samples):
        item = items[row["sample"]]
        assert item["members"] == rows[place]["texts"]
        found = v_measure_score(item["member_labels"], row["member_clusters"])
        assert found == pytest.approx(row["score"], abs=1e-12)


def test_large_sets_show_some_texts_of_some_labels() -> None:
    labels = [f"l{n % 30}" for n in range(3000)]
    shown = clusters.shown_texts(labels)
    assert shown == clusters.shown_texts(list(labels))
    by_label = pd.Series([labels[n] for n in shown]).value_counts()
    assert set(by_label) == {clusters.TEXTS_SHOWN}
    assert len(by_label) == clusters.LABELS_SHOWN


def test_labels_have_names_where_the_data_set_states_them(tmp_path: Path) -> None:
    names = ["sadness", "joy", "love", "anger", "fear", "surprise"]
    rows = [
        {"text": f"{names[n % 6]} {sentence(RNG)}", "label": n % 6, "label_text": names[n % 6]}
        for n in range(120)
    ]
    folder = tmp_path / "hub" / "mteb" / "emotion"
    folder.mkdir(parents=True)
    for split, chosen in (("train", rows[:60]), ("test", rows[60:]), ("validation", rows[:6])):
        write(folder / f"{split}.jsonl", chosen)
    task = make_task(name="E", kind="mteb", source="EmotionClassification")
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path, data_root=tmp_path / "hub")
    result = MtebHarness().evaluate(task, BagOfWords(), context)
    items = items_of(result)
    assert texts_of(result).named == {("default", str(n)): name for n, name in enumerate(names)}
    for row in result.samples:
        assert items[row["sample"]]["text"].split()[0] == names[row["gold"]]


def test_a_score_is_not_lost_for_texts_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"sentence1": "a b", "sentence2": f"b {n}", "score": float(n)} for n in range(6)]
    task = own("sts", {"test": write(tmp_path / "t.jsonl", rows)})
    expected = run(task, tmp_path).score
    monkeypatch.setattr(module, "_columns", None)
    result = run(task, tmp_path)
    assert result.score == expected
    assert result.texts is None
    assert "no texts are kept" in caplog.text
