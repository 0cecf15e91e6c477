"""What is stored of an import: each file once, and no file's score over another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import DataError
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.importers.records import ImportedScores
from evalsuite.importers.storing import Stored, put_new, summary
from evalsuite.registry.load import Registry
from evalsuite.results.rows import plan_rows
from evalsuite.schema import digest
from evalsuite.store import Store

REGISTRY = Registry()


def write(folder: Path, score: float, day: int, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"results_2026-03-{day:02}T10-00-00.json"
    config = {"model": "hf", "model_args": "pretrained=/runs/exp1/checkpoint-500"}
    entry = {"acc,none": score}
    content = {"results": {"arc": entry}, "lm_eval_version": "0.4.9", "config": config, **more}
    path.write_text(json.dumps(content))
    return path


def taken(path: Path, store: Store) -> Stored:
    return put_new(store, read_lm_eval(path, REGISTRY))


def scores(store: Store) -> list[float | None]:
    return [record.score for record in store.records()]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_second_file_about_one_score_is_left_out_in_either_order(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    store = Store(tmp_path / "results")
    first, second = (write(tmp_path, day / 10, day) for day in order)
    assert taken(first, store) == Stored(new=1)
    done = taken(second, store)
    assert (done.new, done.replaced, scores(store)) == (0, 0, [order[0] / 10])
    (line,) = done.left_out
    assert second.name in line
    assert first.name in line
    with pytest.raises(DataError, match="nothing was taken over"):
        summary(read_lm_eval(second, REGISTRY), done)
    other = read_lm_eval(second, REGISTRY, name="mine")
    assert put_new(store, other) == Stored(new=1)


def test_another_setting_is_another_score_and_both_are_shown(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    taken(write(tmp_path, 0.1, 1), store)
    assert taken(write(tmp_path, 0.2, 2, versions={"arc": 2}), store) == Stored(new=1)
    (row,) = plan_rows(store.records())
    task = "lm_eval:arc"
    assert (row.records[task].score, [one.score for one in row.older[task]]) == (0.2, [0.1])


def as_stored_before(found: ImportedScores, name: str) -> ImportedScores:
    """The records of a file as versions before this identity stored them: by the last folder."""
    old = {"name": name, "source": name, "fingerprint": digest(["imported", name, None])}
    records = tuple(
        (
            record.model_copy(
                update={
                    "checkpoint": record.checkpoint.model_copy(update=old),
                    "signature": record.signature.model_copy(update={"engine": "imported"}),
                }
            ),
            ({"sample": "arc/0", "score": 0.1},),
        )
        for record, _ in found.records
    )
    return ImportedScores(records=records)


def test_a_file_that_an_earlier_version_took_over_replaces_its_own_record(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    path = write(tmp_path, 0.1, 1)
    found = read_lm_eval(path, REGISTRY)
    put_new(store, as_stored_before(found, "checkpoint-500"))
    assert taken(path, store) == Stored(replaced=1)
    (record,) = store.records()
    assert record.checkpoint.name == "exp1-checkpoint-500"
    assert record.signature.engine == "hf"
    assert list(store.root.rglob("*.parquet")) == []  # the old one's samples went with it
    assert len(list(store.root.glob("[!.]*"))) == 1
    assert taken(path, store) == Stored(known=1)


def test_another_files_earlier_record_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    first = read_lm_eval(write(tmp_path, 0.1, 1), REGISTRY)
    put_new(store, as_stored_before(first, "checkpoint-500"))
    assert taken(write(tmp_path, 0.2, 2), store) == Stored(new=1)
    assert sorted(filter(None, scores(store))) == [0.1, 0.2]


def test_samples_that_came_later_are_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    path = write(tmp_path, 1.0, 1)
    taken(path, store)
    line = {"doc_id": 0, "filter": "none", "acc": 1.0, "target": "1", "resps": [], "arguments": []}
    samples = path.with_name(path.name.replace("results_", "samples_arc_") + "l")
    samples.write_text(json.dumps(line))
    assert taken(path, store) == Stored(replaced=1)
    (record,) = store.records()
    assert record.samples is not None
    assert store.samples_path(record) is not None


def test_a_failure_never_hides_a_score(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    failed = write(tmp_path, float("nan"), 1)
    good = write(tmp_path, 0.2, 2)
    assert taken(failed, store) == Stored(new=1)
    assert taken(good, store) == Stored(new=1)
    assert scores(store) == [0.2]
    assert taken(failed, store).new == 0
    assert scores(store) == [0.2]
