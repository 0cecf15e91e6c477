"""A clock that was set back: the record that is made last is still the newest."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from evalsuite.store import Store
from helpers.records import suite_records

FIRST = suite_records()[0]


def test_a_new_record_is_never_older_than_those_of_its_job(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(FIRST)
    back = FIRST.model_copy(update={"created": FIRST.created - timedelta(days=9), "score": 0.1})
    dated = store.after_earlier(back)
    assert dated.created == FIRST.created + timedelta(microseconds=1)
    assert dated.score == 0.1
    store.put(dated)
    assert store.records()[-1].score == 0.1


def test_with_a_clock_that_goes_on_nothing_changes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.after_earlier(FIRST) == FIRST
    store.put(FIRST)
    later = FIRST.model_copy(update={"created": FIRST.created + timedelta(seconds=1)})
    assert store.after_earlier(later) == later
