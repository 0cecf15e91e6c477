"""Samples with texts, as a page lists them."""

from __future__ import annotations

from typing import Any

from evalsuite.data import SampleTable
from evalsuite.report.page.listed import DOCUMENTS_SHOWN, LONGEST_DOCUMENT, arranged
from evalsuite.report.page.samples import choose_samples

FOUND: dict[str, Any] = {
    "sample": "q",
    "query": "why?",
    "documents": ["a", "b", "c"],
    "documents_text": ["text a", None, "text c"],
    "similarities": [0.9, 0.5, 0.25],
    "relevant": ["c"],
    "relevant_text": ["text c"],
}


def test_documents_with_similarity_and_relevance() -> None:
    row = arranged(FOUND)
    assert [(one.mark, one.text, one.right) for one in row["documents"]] == [
        ("0.900", "[a] text a", False),
        ("0.500", "b", False),
        ("0.250 · relevant", "[c] text c", True),
    ]
    assert [one.text for one in row["relevant"]] == ["[c] text c"]
    assert not {"similarities", "documents_text", "relevant_text"} & set(row)


def test_documents_are_cut_and_few() -> None:
    ids = [str(n) for n in range(50)]
    row = arranged({**FOUND, "documents": ids, "documents_text": ["x" * 5000] * 50})
    assert len(row["documents"]) == DOCUMENTS_SHOWN
    assert max(len(one.text) for one in row["documents"]) < LONGEST_DOCUMENT + 10


def test_labels_have_names_and_counts() -> None:
    row = arranged(
        {
            "text": "t",
            "gold": 1,
            "gold_text": "joy",
            "predictions": [1, 2, 1],
            "predictions_text": ["joy", "love", "joy"],
        }
    )
    assert row["gold"] == "1: joy"
    assert [(one.mark, one.text, one.right) for one in row["predictions"]] == [
        ("2 of 3", "1: joy", True),
        ("1 of 3", "2: love", False),
    ]


def test_members_stand_by_cluster_with_their_labels() -> None:
    row = arranged(
        {"members": ["x", "y", "z"], "member_labels": ["a", "b", "a"], "member_clusters": [1, 0, 1]}
    )
    assert [(one.group, one.mark, one.text) for one in row["members"]] == [
        ("Cluster 0", "label b", "y"),
        ("Cluster 1", "label a", "x"),
        ("Cluster 1", "label a", "z"),
    ]


def test_choices_with_the_right_and_the_taken_one() -> None:
    row = {
        "choices": [" x", " yy", " z"],
        "logprobs": "[-3.0, -1.0, -2.0]",
        "extracted": "1",
        "target": "[0, 1]",
        "response": " yy",
    }
    marks = [(one.mark, one.text) for one in arranged(row)["choices"]]
    assert marks == [("-3.00 · gold", "x"), ("-1.00 · taken · gold", "yy"), ("-2.00", "z")]
    by_text = arranged({**row, "target": "z"})["choices"]
    assert [one.right for one in by_text] == [False, False, True]


def test_samples_without_texts_stay_as_they_are() -> None:
    for row in ({"sample": "q", "documents": ["a"], "score": 1.0}, {"gold": 2, "predictions": [2]}):
        assert arranged(row) == row


def test_a_text_is_in_the_page_once_for_all_checkpoints() -> None:
    tables = [SampleTable.of([{**FOUND, "score": score}]) for score in (0.0, 0.5, 1.0)]
    found = choose_samples("t", tables, ["same"] * 3, 9)
    assert found is not None
    payload = found.payload()
    assert len(payload["texts"]) == len(set(payload["texts"]))
    assert payload["texts"].count("[a] text a") == 1
    [documents] = [one for one in payload["columns"] if one["label"].startswith("Documents")]
    place = payload["texts"].index("[a] text a")
    assert [row[0][0] for row in documents["v"]] == [[place, "0.900", 0, ""]] * 3
