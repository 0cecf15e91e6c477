"""A folder as BEIR has them: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalsuite.errors import DataError
from evalsuite.kinds.mteb.own_tables import checked_data
from evalsuite.kinds.mteb.task import OwnEmbeddingTask
from evalsuite.registry.load import Registry
from helpers.own_tasks import run

TASK = "name: own\nkind: mteb\ntype: retrieval\ndata: data\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents; two queries judged in ``test``, one in ``dev``."""
    data = tmp_path / "tasks" / "data"
    (data / "qrels").mkdir(parents=True)
    documents = [("d1", "Tea", "green leaves"), ("d2", "", "black coal"), ("007", "Gold", "ring")]
    corpus = [{"_id": i, "title": t, "text": x, "metadata": {"url": ""}} for i, t, x in documents]
    queries = [{"_id": i, "text": x, "metadata": {}} for i, x in (("q1", "leaves"), ("2", "coal"))]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    head = "query-id\tcorpus-id\tscore\n"
    (data / "qrels/test.tsv").write_text(f"{head}q1\td1\t1\n2\td2\t2\n2\td1\t0\n")
    (data / "qrels/dev.tsv").write_text(f"{head}q1\t007\t1\n")
    return tmp_path / "tasks"


def own(folder: Path, text: str = TASK) -> OwnEmbeddingTask:
    (folder / "own.yaml").write_text(text)
    task = Registry.load([folder]).task("own")
    assert isinstance(task, OwnEmbeddingTask)
    return task


def test_it_is_read_as_it_is(folder: Path) -> None:
    found = checked_data(own(folder))
    assert list(found.corpus) == [
        {"id": "d1", "title": "Tea", "text": "green leaves"},
        {"id": "d2", "title": "", "text": "black coal"},
        {"id": "007", "title": "Gold", "text": "ring"},
    ]
    assert found.queries == {"id": ["q1", "2"], "text": ["leaves", "coal"]}
    assert found.qrels == {"q1": {"d1": 1}, "2": {"d2": 2, "d1": 0}}


def test_a_split_is_another_file_of_judgements(folder: Path) -> None:
    task = own(folder, f"{TASK}split: dev\n")
    assert checked_data(task).qrels == {"q1": {"007": 1}}
    assert task.hash != own(folder).hash


def test_it_is_scored(folder: Path, tmp_path: Path) -> None:
    # A bag of words finds both: each query is a word of its document.
    assert run(own(folder), tmp_path).score == pytest.approx(1.0)


def test_what_is_missing_is_named(folder: Path) -> None:
    (folder / "data/qrels/test.tsv").unlink()
    with pytest.raises(DataError, match=r"qrels/test\.tsv: no such file"):
        checked_data(own(folder))


def test_a_judgement_of_an_unknown_document_is_named_by_its_row(folder: Path) -> None:
    with (folder / "data/qrels/test.tsv").open("a") as stream:
        stream.write("q1\td9\t1\n")
    with pytest.raises(DataError, match=r"test\.tsv: row 4: corpus-id 'd9' is not in corpus"):
        checked_data(own(folder))
