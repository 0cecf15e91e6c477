"""Files of embedding tasks on own data are checked without mteb, with file and line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import DataError
from evalsuite.kinds.mteb.own_tables import Judged, check_data, checked_data
from helpers.own_tasks import own, write

FILES: dict[str, list[dict[str, Any]]] = {
    "corpus": [{"id": n, "text": f"document {n}"} for n in range(4)],
    "queries": [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}],
    "qrels": [
        {"query-id": "a", "corpus-id": 1, "score": 1},
        {"query-id": "a", "corpus-id": "2", "score": 0},
    ],
}


def retrieval(folder: Path, **more: dict[str, Any]) -> Any:
    """A task whose files have one more row."""
    added = {role: [row] for role, row in more.items()}
    tables = {role: [*rows, *added.get(role, [])] for role, rows in FILES.items()}
    return own(
        "retrieval", {role: write(folder / f"{role}.jsonl", rows) for role, rows in tables.items()}
    )


def test_ids_are_equal_by_their_text(tmp_path: Path) -> None:
    found = checked_data(retrieval(tmp_path))
    assert isinstance(found, Judged)
    assert found.qrels == {"a": {"1": 1, "2": 0}}
    assert found.queries == {"id": ["a"], "text": ["one"]}
    assert check_data(retrieval(tmp_path)) == 8


def test_a_judgement_twice_with_one_score_is_one(tmp_path: Path) -> None:
    task = retrieval(tmp_path, qrels={"query-id": "a", "corpus-id": "1", "score": 1.0})
    assert checked_data(task).qrels == {"a": {"1": 1, "2": 0}}


@pytest.mark.parametrize(
    ("role", "row", "line", "words"),
    [
        (
            "qrels",
            {"query-id": "a", "corpus-id": 1, "score": 0},
            3,
            "document '1' has the score 0 for query 'a', and 1 in line 1",
        ),
        ("qrels", {"query-id": "c", "corpus-id": 1, "score": 1}, 3, "query-id 'c' is not in"),
        ("qrels", {"query-id": "a", "corpus-id": 9, "score": 1}, 3, "corpus-id '9' is not in"),
        ("qrels", {"query-id": "a", "corpus-id": 3, "score": "high"}, 3, "not a finite number"),
        ("qrels", {"query-id": ["a"], "corpus-id": 3, "score": 1}, 3, "'query-id' is list"),
        ("queries", {"id": "a", "text": "three"}, 3, "'id' 'a' occurs twice (first: 1)"),
        ("queries", {"id": "c", "text": " "}, 3, "'text' is empty"),
        ("corpus", {"id": "1", "text": "again"}, 5, "'id' '1' occurs twice"),
        ("corpus", {"id": 5, "text": "", "title": ""}, 5, "'text' is empty"),
        ("corpus", {"id": {"k": 1}, "text": "x"}, 5, "'id' is dict"),
    ],
)
def test_a_bad_row_is_named(
    tmp_path: Path, role: str, row: dict[str, Any], line: int, words: str
) -> None:
    with pytest.raises(DataError) as caught:
        check_data(retrieval(tmp_path, **{role: row}))
    assert caught.value.message.startswith(f"{tmp_path / role}.jsonl:{line}: ")
    assert words in caught.value.message


def test_a_document_may_be_a_title_alone(tmp_path: Path) -> None:
    assert check_data(retrieval(tmp_path, corpus={"id": 5, "text": "", "title": "Five"})) == 9


def test_mteb_is_not_imported(tmp_path: Path) -> None:
    retrieval(tmp_path)
    files = {role: str(tmp_path / f"{role}.jsonl") for role in FILES}
    program = (
        "import sys; from evalsuite.kinds.table import kind_of, make_task; "
        f"task = make_task(name='t', kind='mteb', type='retrieval', data={files}); "
        "print(kind_of(task).check_data(task), 'mteb' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout == "8 False\n", done.stderr
