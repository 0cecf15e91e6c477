"""What an export chooses and lists, and the tables of records and samples."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evalsuite.commands.export import export_command
from evalsuite.errors import DataError, ExitCode, StoreError, UsageError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.schema import Record
from evalsuite.store import Store
from tests.helpers.records import record, scored


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One checkpoint with a score, a failure, a skipped task and an older score of one task."""
    found = Store(tmp_path / "results")
    found.put(record("a", 0.1, age=0), scored([0, 0.2]))
    found.put(record("a", 0.25, age=1), scored([0, 0.5], answer=['x,\n"y"', ["p", "q"]][:1] * 2))
    found.put(record("b", None, age=2))
    found.put(record("c", None, age=3, status="skipped", reason="no language-model head"))
    return found


def export(store: Store, name: str, folder: Path, **more: Any) -> tuple[int, list[str]]:
    registry = Registry()
    registry.suites["s"] = Suite(name="s", tasks=("a", "b", "d"))
    lines: list[str] = []
    chosen = {"suite": None, "checkpoints": (), "tasks": (), "card": None} | more
    code = export_command(name, folder, store.root, registry, say=lines.append, **chosen)
    return int(code), lines


def test_records_are_written_as_they_are_stored(store: Store, tmp_path: Path) -> None:
    export(store, "json", tmp_path / "out")
    (plain,) = json.loads((tmp_path / "out" / "records.json").read_text())
    newest = next(r for r in store.records()[::-1] if r.score is not None)
    assert Record.model_validate(plain) == newest
    lines = (tmp_path / "out" / "samples" / "m" / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["score"] for line in lines] == [0, 0.5]


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_tables_have_a_row_a_record_and_a_row_a_sample(
    name: str, store: Store, tmp_path: Path
) -> None:
    export(store, name, tmp_path)

    def rows(file: str) -> list[dict[str, Any]]:
        path = tmp_path / f"{file}.{name}"
        if name == "csv":
            with path.open(newline="") as stream:
                return list(csv.DictReader(stream))
        return list(pq.read_table(path).to_pylist())

    (row,) = rows("records")
    assert (row["task"], float(row["score"]), row["signature.engine"]) == (
        "a",
        0.25,
        "sentence-transformers 6.2.0",
    )
    assert [(r["sample"], float(r["score"]), r["answer"]) for r in rows("samples/m/a")] == [
        ("0", 0, 'x,\n"y"'),
        ("1", 0.5, 'x,\n"y"'),
    ]


def test_missing_scores_are_listed_and_never_zeros(store: Store, tmp_path: Path) -> None:
    code, lines = export(store, "csv", tmp_path / "out", suite="s")
    assert code == ExitCode.TASK_FAILED
    assert lines[:2] == ["missing: m: b has no score: out of memory", "missing: m: d is not stored"]
    text = (tmp_path / "out" / "records.csv").read_text()
    assert text.count("\n") == 2


def test_a_skipped_task_is_said_and_no_failure(store: Store, tmp_path: Path) -> None:
    code, lines = export(store, "json", tmp_path / "out", tasks=("a", "c"))
    assert code == ExitCode.OK
    assert "skipped: m: c has no score: no language-model head" in lines


def test_an_export_without_any_score_is_an_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing was exported: m: b has no score"):
        export(store, "json", tmp_path / "out", tasks=("b",))
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="m: a was not computed by lm-eval"):
        export(store, "lm-eval", tmp_path / "out", tasks=("a",))


def test_lost_samples_end_the_export(store: Store, tmp_path: Path) -> None:
    for path in store.root.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(StoreError, match="samples of a"):
        export(store, "json", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("jsn", {}, "no format is called 'jsn'; did you mean json"),
        ("csv", {"card": Path("README.md")}, "--card belongs to the format hub"),
        ("csv", {"checkpoints": ("other",)}, "no scores of 'other'"),
    ],
)
def test_wrong_words_are_one_line(
    name: str, more: dict[str, Any], message: str, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        export(store, name, tmp_path, **more)


def test_rows_of_one_name_have_folders_of_their_own(store: Store, tmp_path: Path) -> None:
    store.put(record("a", 0.5, max_length=512), scored([0.5]))
    store.put(record("a", 0.75, fingerprint="f" * 64), scored([0.75]))
    export(store, "json", tmp_path / "out")
    found = [p.read_text() for p in (tmp_path / "out" / "samples").rglob("a.jsonl")]
    assert sorted(json.loads(text.splitlines()[-1])["score"] for text in found) == [0.5, 0.5, 0.75]
    assert len(json.loads((tmp_path / "out" / "records.json").read_text())) == 3
