"""Texts in a store: once for all checkpoints, never missing, removed with their last record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import evalsuite
from evalsuite.results.readable import ReadableSamples, readable_samples
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import Record
from evalsuite.store import Store
from evalsuite.store_changes import move, remove, rename
from helpers.records import record as make

ROWS = [
    {"sample": "q1", "subset": "default", "score": 1.0, "documents": ["a", "b"]},
    {"sample": "q2", "subset": "default", "score": 0.0, "documents": ["b", "z"]},
]
ITEMS = [
    {"sample": "q1", "subset": "default", "query": "one?", "relevant": ["a"]},
    {"sample": "q2", "subset": "default", "query": "two?", "relevant": ["c"]},
]
NAMED = {("default", name): f"text {name}" for name in "abc"}
TEXTS = SampleTexts(items=ITEMS, named=NAMED)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def put(
    store: Store, name: str = "m", texts: SampleTexts = TEXTS, task: str = "t", **about: Any
) -> Record:
    written = store.put(make(task, checkpoint=name, **about), ROWS, texts)
    return Record.model_validate_json(written.read_bytes())


def files(store: Store) -> dict[str, int]:
    folder = store.root / "texts"
    return {path.name: path.stat().st_size for path in folder.glob("*") if path.is_file()}


def read(store: Store, record: Record) -> list[dict[str, Any]]:
    found = readable_samples(store, record)
    assert isinstance(found, ReadableSamples)
    return found.rows(range(len(found)))


def test_samples_come_with_their_texts(store: Store) -> None:
    [one, two] = read(store, put(store))
    assert one == {
        **ROWS[0],
        "query": "one?",
        "relevant": ["a"],
        "documents_text": ["text a", "text b"],
        "relevant_text": ["text a"],
    }
    assert two["documents_text"] == ["text b", None], "of z no text is kept"


def test_python_gives_them_as_a_frame(store: Store) -> None:
    frame = evalsuite.samples(put(store), store.root)
    assert list(frame["query"]) == ["one?", "two?"]
    assert list(frame["documents_text"][0]) == ["text a", "text b"]
    assert list(frame["score"]) == [1.0, 0.0]


def test_a_second_checkpoint_on_the_same_data_writes_no_text(store: Store) -> None:
    first = put(store, "a")
    there = files(store)
    assert len(there) == 2
    second = put(store, "b")
    assert files(store) == there
    assert first.samples is not None
    assert second.samples is not None
    assert first.samples.texts == second.samples.texts
    assert read(store, second) == read(store, first)


def test_other_data_under_the_same_name_has_texts_of_its_own(store: Store) -> None:
    first = put(store, data="0" * 64)
    other = SampleTexts(items=[{**item, "query": "other"} for item in ITEMS], named=NAMED)
    second = put(store, texts=other, data="1" * 64)
    assert [row["query"] for row in read(store, first)] == ["one?", "two?"]
    assert [row["query"] for row in read(store, second)] == ["other", "other"]


def test_what_one_checkpoint_alone_has_found_is_added(store: Store) -> None:
    found = {("default", name): f"found {name}" for name in "bxz"}
    first = put(store, "a", SampleTexts(items=ITEMS, named=NAMED, found=found))
    size = sum(files(store).values())
    again = put(store, "b", SampleTexts(items=ITEMS, named=NAMED, found=found))
    assert sum(files(store).values()) == size
    more = {("default", name): f"found {name}" for name in "zy"}
    third = put(store, "c", SampleTexts(items=ITEMS, named=NAMED, found=more))
    assert len(files(store)) == 4
    for record in (first, again, third):
        assert read(store, record)[1]["documents_text"] == ["text b", "found z"]


def test_later_findings_take_no_more_than_a_quarter_of_a_record(store: Store) -> None:
    def found(letter: str) -> SampleTexts:
        texts = {("default", f"{letter}{n}"): os.urandom(100).hex() for n in range(2000)}
        return SampleTexts(items=ITEMS, named=NAMED, found=texts)

    raw = {"large": os.urandom(10_000).hex()}
    put(store, "a", found("a"), raw=raw)
    first = sum(files(store).values())
    assert first > 200_000, "the first one has room"
    record = put(store, "b", found("b"), raw=raw)
    samples = store.samples_path(record)
    assert samples is not None
    own = samples.stat().st_size + len(record.model_dump_json(indent=1))
    added = sum(files(store).values()) - first
    assert 0 < added < 0.4 * own


def test_texts_go_with_the_last_record_that_refers_to_them(store: Store) -> None:
    first, second = put(store, "a"), put(store, "b")
    kept = put(store, "a", task="other")
    remove(store, [first])
    assert len(read(store, second)) == 2
    assert len(files(store)) == 4
    remove(store, [second])
    assert kept.samples is not None
    assert set(files(store)) == set(kept.samples.texts)
    remove(store, [kept])
    assert files(store) == {}


def test_nothing_is_removed_where_a_record_cannot_be_read(store: Store) -> None:
    record = put(store)
    newer = store.folder_of(record.checkpoint) / "newer.00000000.r1.json"
    newer.write_text('{"schema_version": 2}')
    there = files(store)
    remove(store, [record])
    assert files(store) == there


def test_moved_and_renamed_records_keep_their_texts(store: Store, tmp_path: Path) -> None:
    record, other = put(store, "a"), put(store, "b")
    expected = read(store, record)
    rename(store, [record], "c")
    [renamed] = [one for one in store.records() if one.checkpoint.name == "c"]
    assert read(store, renamed) == expected
    target = Store(tmp_path / "archive")
    move(store, [renamed], target)
    assert read(target, target.records()[0]) == expected
    assert read(store, other) == expected
    assert files(target) == files(store)
    move(store, [other], target)
    assert files(store) == {}
    assert len(files(target)) == 2


def test_samples_of_earlier_records_show_no_texts(store: Store) -> None:
    written = store.put(make(), ROWS)
    record = Record.model_validate_json(written.read_bytes())
    assert read(store, record) == ROWS
    assert not (store.root / "texts").exists()


def test_texts_that_were_deleted_by_hand_are_missed_by_nobody(store: Store) -> None:
    record = put(store)
    for name in files(store):
        (store.root / "texts" / name).unlink()
    assert read(store, record) == ROWS


WRITER = """
import sys
sys.path.insert(0, "tests")
from pathlib import Path
from evalsuite.sample_texts import SampleTexts
from evalsuite.store import Store
from helpers.records import record

store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10_000):
    items = [{"sample": "0", "text": f"{number} " * 500}]
    named = {("", str(n)): f"{number} {n}" for n in range(500)}
    made = record(f"t{number}", checkpoint="m")
    rows = [{"sample": "0", "score": 1.0, "gold": "7"}]
    store.put(made, rows, SampleTexts(items=items, named=named))
"""


@pytest.mark.parametrize("seconds", [0.05, 0.13, 0.29])
def test_a_kill_leaves_no_record_without_its_texts(store: Store, seconds: float) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 60
    while not list(store.root.glob("*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    found = store.records()
    assert found
    assert not store.problems
    for record in found:
        number = record.signature.task[1:]
        [row] = read(store, record)
        assert row["text"] == f"{number} " * 500
        assert row["gold_text"] == f"{number} 7"
    store.prepare()
    assert not list((store.root / "texts").glob(".*.tmp"))
    remove(store, found)
    assert files(store) == {}, "what the killed one has left goes too"
