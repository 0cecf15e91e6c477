from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.data import SampleTable
from evalsuite.errors import DataError
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.records import record

ROWS = [
    {"sample": str(number), "score": number / 4, "documents": [f"d{number}"], "prompt": "p"}
    for number in range(4)
]


def stored(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    store.put(record("task", 0.5), ROWS)
    found: Record = store.records()[0]
    path = store.samples_path(found)
    assert path is not None
    return path


def test_rows_are_those_that_were_stored(tmp_path: Path) -> None:
    table = SampleTable.read(stored(tmp_path))
    assert len(table) == len(ROWS)
    assert table.rows([2, 0]) == [ROWS[2], ROWS[0]]
    assert table.rows([]) == []
    assert table.column("score") == [0.0, 0.25, 0.5, 0.75]
    assert table.column("group") is None


def test_some_columns_of_all_rows(tmp_path: Path) -> None:
    wanted = ("sample", "score", "group")
    expected = [{"sample": row["sample"], "score": row["score"]} for row in ROWS]
    assert SampleTable.read(stored(tmp_path)).narrow(wanted) == expected
    assert SampleTable.read(stored(tmp_path), wanted).narrow(wanted) == expected


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=path.name):
        SampleTable.read(path)
