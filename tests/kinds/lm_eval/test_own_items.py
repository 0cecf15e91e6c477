"""Rows of generative tasks on own data: rendered as read, and refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.data import read_rows
from evalsuite.errors import DataError
from evalsuite.kinds.lm_eval.own_items import OwnItem, read_items
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.table import kind_of, make_task
from evalsuite.kinds.task import Task

GENERATE: dict[str, Any] = {"type": "generate", "prompt": "Q {{q}}", "target": "{{answer}}"}
CHOOSE: dict[str, Any] = {
    "type": "multiple_choice",
    "prompt": "{{q}}",
    "choices": "{{o}}",
    "target": "{{t}}",
}


def make(folder: Path, keys: dict[str, Any], rows: list[dict[str, Any]], **files: Any) -> Task:
    data = {}
    for role, given in {"test": rows, **files}.items():
        data[role] = folder / f"{role}.jsonl"
        data[role].write_text("".join(json.dumps(row) + "\n" for row in given))
    return make_task(name="own", kind="lm_eval", data=data, **keys)


def items(task: Task) -> list[OwnItem]:
    assert isinstance(task, LmEvalTask)
    assert task.data is not None
    read = read_items(task, {role: read_rows(path) for role, path in task.data.items()})
    return list(read.roles["test"])


def refusal(task: Task) -> str:
    with pytest.raises(DataError) as caught:
        kind_of(task).check_data(task)
    return caught.value.line


def test_values_are_rendered_as_they_were_read(tmp_path: Path) -> None:
    """Through a table with one type a column, all would read ``Q 3.0``."""
    rows = [{"q": 3, "answer": 8}, {"q": 2.5, "answer": "9"}, {"q": "3", "answer": [1, "a"]}]
    rows.append({"q": True, "answer": {"k": 1}})
    found = items(make(tmp_path, GENERATE, rows))
    assert [item.texts["Q {{q}}"] for item in found] == ["Q 3", "Q 2.5", "Q 3", "Q True"]
    assert [item.texts["{{answer}}"] for item in found] == ["8", "9", "[1, 'a']", "{'k': 1}"]


def test_a_column_that_no_template_names_may_hold_anything(tmp_path: Path) -> None:
    rows = [{"q": "x", "answer": "8"}, {"q": "y", "answer": "9", "extra": [1, "a"]}]
    task = make(tmp_path, GENERATE, rows)
    assert kind_of(task).check_data(task) == 2


def test_a_template_that_is_the_name_of_a_column_stands_for_it(tmp_path: Path) -> None:
    keys = GENERATE | {"prompt": "q", "target": "answer"}
    [item] = items(make(tmp_path, keys, [{"q": "x?", "answer": 8}]))
    assert (item.texts["q"], item.texts["answer"]) == ("x?", "8")


def test_choices_by_index_letter_or_text(tmp_path: Path) -> None:
    rows = [
        {"q": "fruit", "o": ["hammer", "apple"], "t": t} for t in (1, "1", "B", "apple", [0, "B"])
    ]
    found = items(make(tmp_path, CHOOSE, rows))
    assert [item.right for item in found] == [(1,), (1,), (1,), (1,), (0, 1)]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"t": 2}, "the target 2 is not an index from 0 to 1"),
        ({"t": -1}, "the target -1 is not an index from 0 to 1"),
        ({"t": None}, "the target 'None' is not a choice: 'hammer', 'apple'"),
        ({"t": "C"}, "the target 'C' is not a letter from A to B"),
        ({"o": ["same", "same"]}, "the choice 'same' occurs twice"),
        ({"o": ["0", "7", "1"]}, "is the text of choice 2 and the index of '7'"),
        ({"q": " "}, "the prompt is empty"),
    ],
)
def test_a_bad_choice_names_file_and_line(tmp_path: Path, bad: Any, words: str) -> None:
    good = {"q": "fruit", "o": ["hammer", "apple"], "t": 1}
    line = refusal(make(tmp_path, CHOOSE, [good | {"t": 0}, good | bad]))
    assert line.startswith(f"{tmp_path / 'test.jsonl'}:2: ")
    assert words in line


def test_indices_from_one_are_recognised(tmp_path: Path) -> None:
    rows = [{"q": "x", "o": ["a", "b", "c"], "t": n} for n in (1, 2, 3)]
    assert "indices count from 0, the column from 1" in refusal(make(tmp_path, CHOOSE, rows))
    task = make(tmp_path, CHOOSE | {"target": "{{ t | int - 1 }}"}, rows)
    assert [item.right for item in items(task)] == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "the target is empty"),
        (None, "the target is None"),
        ([], "the target is empty"),
    ],
)
def test_an_answer_that_cannot_be_right(tmp_path: Path, answer: Any, words: str) -> None:
    rows = [{"q": "x", "answer": "8"}, {"q": "y", "answer": answer}]
    line = refusal(make(tmp_path, GENERATE, rows))
    assert line.startswith(f"{tmp_path / 'test.jsonl'}:2: {words}")


CODE = {"prompt": "def f(a):\n", "tests": "assert f(1) == 2\n", "entry_point": "f"}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        # As text, a list of tests is a list of texts: a program that every answer passes.
        ({"tests": ["assert f(1) == 2"]}, "'tests' is list, not a text"),
        ({"tests": ""}, "'tests' is empty, not a text"),
        ({"tests": "assert f(1) =="}, "'tests' is not Python"),
        ({"entry_point": "f(a)"}, "not the name of a function"),
    ],
)
def test_code_that_cannot_be_tested(tmp_path: Path, bad: dict[str, Any], words: str) -> None:
    line = refusal(make(tmp_path, {"type": "code"}, [CODE, CODE | bad]))
    assert line.startswith(f"{tmp_path / 'test.jsonl'}:2: ")
    assert words in line


def test_examples_are_checked_as_far_as_they_are_shown(tmp_path: Path) -> None:
    row = {"q": "x", "answer": "8"}
    shots = [row, {"q": "y", "answer": ""}]
    one = make(tmp_path, GENERATE | {"shots": 1}, [row], shots=shots)
    assert kind_of(one).check_data(one) == 3
    two = make(tmp_path, GENERATE | {"shots": 2}, [row], shots=shots)
    assert "shots.jsonl:2: the target is empty" in refusal(two)
    three = make(tmp_path, GENERATE | {"shots": 3}, [row], shots=shots)
    assert "2 examples, but 3 are asked for" in refusal(three)
