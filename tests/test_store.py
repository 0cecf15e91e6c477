"""The store beyond its contract: names, revisions, outcomes, torn files and locks."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import StoreError
from evalsuite.schema import Record
from evalsuite.store import Store, slug
from helpers.records import record as make


def key(record: Record) -> tuple[str, str]:
    return record.checkpoint.fingerprint, record.signature.plan_key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def test_a_store_that_is_not_there_is_empty(store: Store) -> None:
    assert store.records() == []
    assert store.problems == []
    assert store.find("0" * 64, "0" * 64) == []


def test_a_record_is_found_again(store: Store) -> None:
    one, other = make("a", age=1), make("b", age=0)
    for record in (one, other):
        store.put(record)
    assert store.records() == [other, one], "oldest first"
    assert store.find(*key(one)) == [one]
    assert store.find(one.checkpoint.fingerprint, "0" * 64) == []
    assert store.find("0" * 64, one.signature.plan_key) == []


def test_where_a_record_lies_and_that_it_is_plain_json(store: Store) -> None:
    record = make("a b")
    path = store.put(record)
    fingerprint, plan_key = key(record)
    assert str(path.relative_to(store.root)) == (f"m-{fingerprint[:8]}/a-b.{plan_key[:8]}.r1.json")
    assert json.loads(path.read_text()) == record.model_dump(mode="json")


def test_samples_are_parquet_beside_the_record(store: Store) -> None:
    import pandas as pd

    rows = [
        {"sample": "0", "score": 1.0, "response": "é\n", "ids": [1, 2], "extra": None},
        {"sample": "1", "score": 0.0, "response": "", "ids": [], "extra": "x"},
    ]
    written = store.put(make(), rows)
    [record] = store.records()
    path = store.samples_path(record)
    assert path is not None
    assert path.parent == written.parent
    assert record.samples is not None
    assert record.samples.rows == 2
    assert record.samples.sha256 == sha256(path.read_bytes()).hexdigest()
    frame = pd.read_parquet(path)
    assert frame[["sample", "score", "response"]].to_dict("records") == [
        {"sample": "0", "score": 1.0, "response": "é\n"},
        {"sample": "1", "score": 0.0, "response": ""},
    ]
    assert [list(ids) for ids in frame["ids"]] == [[1, 2], []]
    assert store.samples_path(make()) is None


def test_scores_are_appended_never_replaced(store: Store) -> None:
    first, second = make(score=0.1, age=0), make(score=0.2, age=1)
    paths = [store.put(first, [{"sample": "0", "score": 0.1}]), store.put(second)]
    assert [path.name.split(".")[-2] for path in paths] == ["r1", "r2"]
    found = store.find(*key(first))
    assert [record.score for record in found] == [0.2, 0.1], "newest first"
    assert store.samples_path(found[1]) is not None
    for _ in range(10):
        last = store.put(second)
    assert last.name.endswith(".r12.json")
    assert [r.score for r in store.find(*key(first))] == [0.2] * 11 + [0.1], "r12 is after r2"


def test_a_score_hides_the_failure_before_it(store: Store) -> None:
    failed = make(score=None)
    path = store.put(failed)
    assert path.name.endswith(".outcome.json")
    assert store.records() == [failed]
    assert store.find(*key(failed)) == []
    assert store.outcome(failed.checkpoint, failed.signature) == failed
    again = make(score=None, age=1, status="skipped")
    store.put(again)
    assert store.records() == [again], "the last outcome counts"
    scored = make(age=2)
    store.put(scored)
    assert store.records() == [scored]
    assert store.outcome(failed.checkpoint, failed.signature) is None


def test_a_failure_after_a_score_does_not_hide_it(store: Store) -> None:
    scored = make(score=0.5)
    store.put(scored)
    store.put(make(score=None, age=1))
    assert store.records() == [scored]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not valid JSON"),
        (b"\x00\xff" * 40, "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b'{"schema_version": 1, "status": "scored"}', "checkpoint"),
        (b'{"schema_version": 2}', "upgrade evalsuite"),
    ],
)
def test_a_torn_file_is_named_and_breaks_nothing(store: Store, content: bytes, why: str) -> None:
    good = make("good")
    folder = store.put(good).parent
    bad = folder / "bad.12345678.r1.json"
    bad.write_bytes(content)
    assert store.records() == [good]
    [problem] = store.problems
    assert problem.startswith(f"{bad}: ")
    assert why in problem
    assert "\n" not in problem
    store.records()
    assert len(store.problems) == 1, "named anew each time, not added up"


def test_half_a_record_is_not_a_score(store: Store) -> None:
    record = make()
    path = store.put(record)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert store.find(*key(record)) == []
    store.put(record)
    assert store.find(*key(record)) == [record], "and the next run's score is kept beside it"


def test_a_file_that_cannot_be_read_is_named(store: Store) -> None:
    folder = store.put(make()).parent / "folder.r1.json"
    folder.mkdir()
    assert len(store.records()) == 1
    assert store.problems == [f"{folder}: cannot be read: Is a directory"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "results")
    record = make()
    attempts = [
        store.prepare,
        lambda: store.put(record),
        lambda: store.job_folder(record.checkpoint, record.signature.plan_key),
        lambda: store.job_lock(record.checkpoint, record.signature.plan_key),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match=r"cannot write to .*Not a directory; .*--out"):
            attempt()


def test_a_job_folder_lasts_until_the_job_is_finished(store: Store) -> None:
    record = make()
    job = record.checkpoint, record.signature.plan_key
    (store.job_folder(*job) / "log").write_text("kept")
    assert (store.job_folder(*job) / "log").read_text() == "kept"
    other = make(limit=3)
    assert store.job_folder(other.checkpoint, other.signature.plan_key) != store.job_folder(*job)
    with store.job_lock(*job):
        store.finish_job(*job)
    assert not list(store.job_folder(*job).iterdir())
    assert store.records() == [], "what is under way is not a record"


def test_a_job_is_held_by_one_at_a_time(store: Store) -> None:
    from filelock import Timeout

    record = make()
    job = record.checkpoint, record.signature.plan_key
    other = make(limit=3)
    with store.job_lock(*job), pytest.raises(Timeout):
        Store(store.root).job_lock(*job).acquire(timeout=0)
    with store.job_lock(*job), store.job_lock(other.checkpoint, other.signature.plan_key):
        pass


SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smoke-sts", "smoke-sts"),
        ("mteb:STS12", "mteb-STS12"),
        ("a b/c", "a-b-c"),
        ("../../etc", "etc"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("模型", "unnamed"),
        (".hidden", "hidden"),
        ("a" * 119 + "-bc", "a" * 119),
    ],
)
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_a_slug_is_a_file_name_and_stays_as_it_is(name: str) -> None:
    found = slug(name)
    assert set(found) <= SAFE
    assert found[0] not in "-."
    assert slug(found) == found


NAME = st.text() | st.text(max_size=4).map(lambda text: (text or "a") * 99)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.tuples(NAME, NAME), max_size=4))
def test_odd_names_are_kept_apart(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]]
) -> None:
    store = Store(tmp_path_factory.mktemp("odd"))
    jobs: dict[tuple[str, str], Record] = {}
    for model, task in names:
        record = make(task, checkpoint=model)
        jobs[key(record)] = record
    for record in jobs.values():
        path = store.put(record, [{"sample": "0"}])
        assert path.parent.parent == store.root
    for job, record in jobs.items():
        [found] = store.find(*job)
        assert found.model_copy(update={"samples": None}) == record
        assert store.samples_path(found) is not None
    assert len(store.records()) == len(jobs)
    assert store.problems == []
