"""CSV and TSV files, as pandas writes them, give what the same rows in JSON Lines give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalsuite.data import read_rows
from evalsuite.errors import DataError
from evalsuite.kinds.lm_eval.own_items import read_items
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.mteb.own_tables import check_data, checked_data
from evalsuite.kinds.mteb.task import OwnEmbeddingTask
from evalsuite.kinds.table import make_task

AWKWARD = 'a "quoted" text, with commas,\ttabs\nand lines: ü 汉 [1] 007 NA'
ROWS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "classification": {
        "train": [{"text": AWKWARD, "label": 1}, {"text": "x", "label": 2}],
        "test": [{"text": "007", "label": 2}, {"text": "[1, 2]", "label": 1}],
    },
    "clustering": {"test": [{"texts": [AWKWARD, "b", "c"], "labels": ["u", "v", "u"]}]},
    "pair_classification": {
        "test": [
            {"sentence1": AWKWARD, "sentence2": "1", "label": 1},
            {"sentence1": "null", "sentence2": "true", "label": 0},
        ]
    },
    "reranking": {"test": [{"query": "1.0", "positive": [AWKWARD], "negative": ["b", "c"]}]},
    "sts": {
        "test": [
            {"sentence1": AWKWARD, "sentence2": "b", "score": 4.25},
            {"sentence1": "1e3", "sentence2": "d", "score": 0},
        ]
    },
    "summarization": {
        "test": [
            {
                "text": "t",
                "human_summaries": ["h"],
                "machine_summaries": ["m", AWKWARD],
                "relevance": [1, 4.5],
            }
        ]
    },
}


def write(folder: Path, role: str, rows: list[dict[str, Any]], suffix: str) -> Path:
    path = folder / f"{role}{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    cells = [
        {name: json.dumps(cell) if isinstance(cell, list) else cell for name, cell in row.items()}
        for row in rows
    ]
    separator = "\t" if suffix == ".tsv" else ","
    pd.DataFrame(cells).to_csv(path, index=False, sep=separator)
    return path


def task(kind: str, folder: Path, suffix: str) -> OwnEmbeddingTask:
    files = {role: write(folder, role, rows, suffix) for role, rows in ROWS[kind].items()}
    made = make_task(name="own", kind="mteb", type=kind, data=files)
    assert isinstance(made, OwnEmbeddingTask)
    return made


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("kind", ROWS)
def test_the_data_is_that_of_json_lines(kind: str, suffix: str, tmp_path: Path) -> None:
    found = checked_data(task(kind, tmp_path, suffix))
    assert found == checked_data(task(kind, tmp_path, ".jsonl"))


def test_cells_are_texts_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid,text\r\n007,"one, ""two"""\r\n08,\r\n')
    assert read_rows(path) == [{"id": "007", "text": 'one, "two"'}, {"id": "08", "text": None}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1\n", "row 1 has 1 cells, the line of column names 2"),
        ("a,a\n1,2\n", ":1: the column name 'a' occurs twice"),
        ("a,\n1,2\n", ":1: a column has no name"),
        ('a,b\n1,"2\n', "not valid: unexpected end of data"),
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
    ],
)
def test_what_is_no_table_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError) as raised:
        read_rows(path)
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("score", "said"),
    [("high", "'score' is not a finite number but 'high'"), ('"4"', "not a finite number")],
)
def test_a_cell_of_another_sort_is_refused_by_its_row(
    score: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "sts.csv"
    cell = score.replace('"', '""')
    path.write_text(f'sentence1,sentence2,score\na,b,1\nc,d,"{cell}"\n')
    made = make_task(name="own", kind="mteb", type="sts", data={"test": path})
    assert isinstance(made, OwnEmbeddingTask)
    with pytest.raises(DataError, match=r"sts\.csv: row 2: ") as raised:
        check_data(made)
    assert said in raised.value.message


@pytest.mark.parametrize(
    "choices", ["{{options}}", ["{{a}}", "{{b}}"]], ids=["in one cell", "in columns"]
)
def test_choices_of_a_csv_file_are_those_of_json_lines(
    choices: str | list[str], tmp_path: Path
) -> None:
    rows = [{"q": "fruit?", "options": ["hammer", AWKWARD], "a": "hammer", "b": AWKWARD, "t": 1}]
    found = []
    for suffix in (".csv", ".jsonl"):
        path = write(tmp_path, f"quiz{len(choices)}", rows, suffix)
        task = make_task(
            name="quiz",
            kind="lm_eval",
            type="multiple_choice",
            data={"test": path},
            prompt="{{q}}",
            choices=choices,
            target="{{t}}",
        )
        assert isinstance(task, LmEvalTask)
        [item] = read_items(task, {"test": read_rows(path)}).roles["test"]
        found.append((item.choices, item.right))
    assert found[0] == found[1] == (("hammer", AWKWARD), (1,))
