"""What the store promises: whole records, nothing lost, nothing doubled."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalsuite.errors import StoreError
from evalsuite.schema import CheckpointRef, Record, Signature, digest
from evalsuite.store import Store, slug

SIGNATURE: dict[str, Any] = {
    "task": "mteb:STSBenchmark",
    "task_hash": "0" * 64,
    "world": "embedding",
    "harness": "mteb 2.26.24",
    "engine": "transformers 5.19.0",
    "device": "cpu",
    "dtype": "float32",
}


def make(score: float | None = 0.5, name: str = "model", **signature: Any) -> Record:
    return Record.model_validate(
        {
            "status": "failed" if score is None else "scored",
            "checkpoint": CheckpointRef(
                name=name, fingerprint=digest(name), source=name, kind="causal"
            ),
            "task": {"name": "t"},
            "signature": Signature.model_validate({**SIGNATURE, **signature}),
            "score": score,
            "reason": "the disk burned" if score is None else None,
            "created": "2026-01-01T00:00:00Z",
        }
    )


def test_a_record_comes_back_as_it_was_with_its_samples(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = [{"sample": "a", "score": 1.0}, {"sample": "b", "score": 0.0}]
    path = store.put(make(0.25), rows)
    [found] = store.find(digest("model"), make().signature.plan_key)
    assert found.score == 0.25
    assert store.records() == [found]
    samples = store.samples_path(found)
    assert samples is not None
    assert samples.parent == path.parent
    assert pd.read_parquet(samples).to_dict("records") == rows
    assert json.loads(path.read_text())["score"] == 0.25, "readable without evalsuite"
    assert not list(tmp_path.rglob("*.tmp"))


def test_every_field_but_the_data_changes_the_plan_key() -> None:
    plain = make().signature
    other: dict[str, Any] = {
        "task": "x", "task_hash": "1" * 64, "world": "generative", "harness": "h 2",
        "engine": "e 2", "device": "cuda", "dtype": "bfloat16", "split": "dev", "limit": 3,
        "seed": 1, "max_length": 7, "instructions": "e5", "instruction": "i", "template": "t",
        "attention": "causal", "pooling": "last", "normalize": True, "chat_template": "abc",
        "shots": 2, "sampling": "s", "prefix_caching": True, "code": 99,
    }  # fmt: skip
    assert set(other) == set(Signature.model_fields) - {"data"}
    for field, value in other.items():
        assert plain.model_copy(update={field: value}).plan_key != plain.plan_key, field
    assert plain.model_copy(update={"data": "d"}).plan_key == plain.plan_key


def test_scores_are_appended_and_the_newest_comes_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for score in (0.1, 0.2, 0.3):
        store.put(make(score))
    found = store.find(digest("model"), make().signature.plan_key)
    assert [record.score for record in found] == [0.3, 0.2, 0.1]
    assert len(list(tmp_path.rglob("*.r?.json"))) == 3


def test_a_failure_is_shown_until_there_is_a_score(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make(None))
    store.put(make(None))
    assert [record.status for record in store.records()] == ["failed"]
    assert store.find(digest("model"), make().signature.plan_key) == []
    store.put(make(0.5))
    assert [record.status for record in store.records()] == ["scored"]


def test_torn_foreign_and_newer_files_are_named_and_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = store.put(make(0.5))
    whole.with_name("torn.aaaa.r1.json").write_text(whole.read_text()[:100])
    newer = {**json.loads(whole.read_text()), "schema_version": 2}
    whole.with_name("newer.aaaa.r1.json").write_text(json.dumps(newer))
    assert [record.score for record in store.records()] == [0.5]
    assert len(store.problems) == 2
    assert any("torn.aaaa.r1.json" in line and "not valid JSON" in line for line in store.problems)
    assert any("schema 2" in line and "upgrade evalsuite" in line for line in store.problems)


def _put_many(root: str, start: int) -> None:
    store = Store(Path(root))
    for number in range(start, start + 10):
        store.put(make(number / 100), [{"sample": str(number)}])


def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_put_many, args=(str(tmp_path), n)) for n in (0, 10, 20, 30)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = Store(tmp_path)
    found = store.find(digest("model"), make().signature.plan_key)
    assert sorted(round(100 * (record.score or 0)) for record in found) == list(range(40))
    assert not store.problems
    for record in found:
        assert store.samples_path(record) is not None


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write to .*--out"):
        Store(blocked / "results").put(make())


def test_only_what_dead_processes_left_is_cleared(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.put(make()).parent
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = os.uname().nodename
    gone = folder / f".a.json.{host}.{dead.pid}.tmp"
    alive = folder / f".a.json.{host}.{os.getpid()}.tmp"
    elsewhere = folder / f".a.json.other-machine.{dead.pid}.tmp"
    for path in (gone, alive, elsewhere):
        path.write_text("half")
    store.prepare()
    assert [path.exists() for path in (gone, alive, elsewhere)] == [False, True, True]


def test_a_finished_job_leaves_no_trace(tmp_path: Path) -> None:
    store, record = Store(tmp_path), make()
    key = record.signature.plan_key
    folder = store.job_folder(record.checkpoint, key)
    (folder / "responses.jsonl").write_text("{}\n")
    with store.job_lock(record.checkpoint, key):
        store.finish_job(record.checkpoint, key)
    assert not list((tmp_path / ".work").iterdir())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mteb:STS-B", "mteb-STS-B"), ("../../etc", "etc"), ("a/b c", "a-b-c"), ("…", "unnamed")],
)
def test_names_become_file_names(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_record_is_scored_or_has_a_reason() -> None:
    plain = make().model_dump(mode="json")
    for broken in ({"score": None}, {"status": "failed"}, {"status": "skipped", "score": None}):
        with pytest.raises(ValueError, match="status"):
            Record.model_validate({**plain, **broken})


def test_the_short_signature_says_how_the_score_came_to_be() -> None:
    signature = make(
        attention="bidirectional", pooling="mean", instructions="e5", limit=5, data="d" * 64
    ).signature
    assert signature.short() == (
        "task:mteb:STSBenchmark@000000|instr:e5|attn:bi|pool:mean|dtype:float32|"
        "engine:transformers-5.19.0|dev:cpu|harness:mteb-2.26.24|limit:5|data:dddddddd"
    )
