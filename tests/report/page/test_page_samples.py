from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from evalsuite.data import SampleTable
from evalsuite.kinds.lm_eval.results import TIMED_OUT, UNFINISHED
from evalsuite.report.page.problems import problems_of
from evalsuite.report.page.samples import TaskSamples, choose_samples


def rows(scores: dict[str, float | None], **columns: Any) -> list[dict[str, Any]]:
    return [{"sample": name, "score": score, **columns} for name, score in scores.items()]


def chosen(tables: list[Any], most: int) -> TaskSamples:
    stored = [None if table is None else SampleTable.of(table) for table in tables]
    found = choose_samples("t", stored, ["same"] * len(tables), most)
    assert found is not None
    return found


def test_samples_whose_score_differs_come_first_and_all_checkpoints_get_the_same() -> None:
    names = [f"s{n}" for n in range(50)]
    left = rows(dict.fromkeys(names, 1.0))
    right = rows({name: float(name not in ("s7", "s31", "s44")) for name in names})
    found = chosen([left, right], 5)
    assert {"s7", "s31", "s44"} <= set(found.ids)
    assert len(found.ids) == 5
    assert found.total == 50
    assert all(len(scores or ()) == 5 for scores in found.scores)
    # listed as the store has them
    assert list(found.ids) == [name for name in names if name in found.ids]


def test_the_largest_differences_win_where_there_are_too_many() -> None:
    left = rows({"a": 0.0, "b": 0.0, "c": 0.0})
    right = rows({"a": 0.2, "b": 0.9, "c": 0.5})
    assert chosen([left, right], 2).ids == ("b", "c")


def test_the_choice_never_changes_and_is_not_just_the_first() -> None:
    table = rows({str(n): 1.0 for n in range(200)})
    first, second = chosen([table], 20), chosen([list(table)], 20)
    assert first == second
    assert first.ids != tuple(str(n) for n in range(20))


def test_samples_that_only_one_checkpoint_has_stay_gaps() -> None:
    found = chosen([rows({"a": 1.0, "b": 0.0}), rows({"b": 0.5}), None], 9)
    assert found.ids == ("a", "b")
    assert found.scores == ((1.0, 0.0), (None, 0.5), None)


def test_subsets_keep_samples_of_the_same_name_apart() -> None:
    table = [{"sample": "0", "subset": s, "score": 1.0} for s in ("en", "de", "en")]
    assert chosen([table], 9).ids == ("en/0", "de/0", "en/0 (2)")


def test_similarities_stand_in_where_samples_have_no_score() -> None:
    table = [{"sample": str(n), "gold": n, "cosine": n / 10, "dot": 1.0} for n in range(4)]
    found = chosen([table], 9)
    assert found.measure == "cosine"
    assert found.scores == ((0.0, 0.1, 0.2, 0.3),)


def test_columns_say_what_was_asked_answered_extracted_and_right() -> None:
    table = rows(
        {"a": 1.0},
        prompt="P",
        response="R",
        extracted="E",
        target="T",
        parsed=False,
        logprobs="",
    )
    assert [(c.role, c.values[0]) for c in chosen([table], 1).columns] == [
        ("prompt", ("P",)),
        ("gold", ("T",)),
        ("answer", ("R",)),
        ("extracted", ("E",)),
        ("more", ("no",)),
    ]


def test_the_payload_holds_each_text_once_and_survives_packing() -> None:
    from evalsuite.report.page.text import packed

    left, right = rows({"a": 1.0, "b": 0.0}, prompt="same"), rows({"a": 0.0}, prompt="same")
    payload = chosen([left, right], 9).payload()
    assert payload["texts"] == ["same"]
    assert payload["columns"][0]["v"] == [[0, 0], [0, None]]
    assert json.loads(gzip.decompress(base64.b64decode(packed(payload))))["total"] == 2


def test_what_works_unseen_is_shown() -> None:
    table = rows({"a\u202e": 1.0}, response="x\u202e\x00", documents=["\u2066"])
    found = chosen([table], 1)
    said = json.dumps(found.payload(), ensure_ascii=False)
    assert "⟨U+202E⟩" in found.ids[0]
    assert "⟨U+202E⟩⟨U+0000⟩" in said
    assert "⟨U+2066⟩" in said


def test_no_sample_is_no_payload() -> None:
    assert choose_samples("t", [None, SampleTable.of([])], ["", ""], 5) is None


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"score": 0.0, "parsed": True, "problem": None}, ()),
        ({"parsed": False, "problem": UNFINISHED}, ("no answer found", "truncated")),
        ({"parsed": True, "problem": f"{UNFINISHED}; {TIMED_OUT}"}, ("truncated", "timed out")),
        (
            {"parsed": [1.0, None], "judgement": ["m", None], "problem": "401"},
            ("no answer found", "refused"),
        ),
        (
            {"parsed": [None], "judgement": ["?"], "problem": "no ranking in the reply '?'"},
            ("no answer found",),
        ),
        ({"parsed": True, "problem": "room for 3 of 10"}, ("does not fit the context",)),
        ({"cosine": 0.3}, ()),
    ],
)
def test_what_went_wrong(row: dict[str, Any], found: tuple[str, ...]) -> None:
    assert problems_of(row) == found
