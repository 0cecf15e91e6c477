"""Records of any content come back as they were, and runs at once never take one name."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.schema import Record, digest
from evalsuite.store import Store, slug
from helpers.records import suite_records

BASE = suite_records()[0]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.text(st.sampled_from("ab/\\. -_:*?%\n\0ß\u202e.."), min_size=1, max_size=12) | TEXT
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def record(name: str, task: str, score: float, metrics: dict[str, float], raw: Any) -> Record:
    return BASE.model_copy(
        update={
            "checkpoint": BASE.checkpoint.model_copy(
                update={"name": name, "fingerprint": digest(name)}
            ),
            "signature": BASE.signature.model_copy(update={"task": task}),
            "score": score,
            "metrics": metrics,
            "raw": {"x": raw},
        }
    )


def as_text(records: list[Record]) -> list[str]:
    return sorted(one.model_dump_json() for one in records)


RECORDS = st.builds(
    record, WORDS, WORDS, NUMBERS, st.dictionaries(TEXT, NUMBERS, max_size=3), PLAIN
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(RECORDS, min_size=1, max_size=4))
def test_what_is_put_comes_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    root = tmp_path_factory.mktemp("store") / "results"
    store = Store(root)
    paths = [store.put(one) for one in records]
    assert len(set(paths)) == len(records)
    for one, path in zip(records, paths, strict=True):
        assert path.parent.parent == root, "names are no paths"
        assert one in store.find(one.checkpoint.fingerprint, one.signature.plan_key)
    assert as_text(store.records()) == as_text(records)
    assert store.problems == []
    assert not list(root.rglob("*.tmp"))


@settings(max_examples=200, deadline=None)
@given(name=WORDS)
def test_names_of_files_are_harmless(name: str) -> None:
    made = slug(name)
    assert made == Path(made).name
    assert made not in ("", ".", "..")
    assert made.isascii()
    assert slug(made) == made


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(writers=st.integers(2, 6), each=st.integers(1, 3))
def test_writers_at_once_take_different_names(
    tmp_path_factory: pytest.TempPathFactory, writers: int, each: int
) -> None:
    root = tmp_path_factory.mktemp("store")
    together = threading.Barrier(writers)

    def write(number: int) -> list[Path]:
        together.wait()
        mine = [BASE.model_copy(update={"score": number + n / 10}) for n in range(each)]
        return [Store(root).put(one) for one in mine]

    with ThreadPoolExecutor(writers) as pool:
        paths = [path for made in pool.map(write, range(writers)) for path in made]
    assert len(set(paths)) == writers * each
    names = sorted(int(path.name.rpartition(".r")[2].removesuffix(".json")) for path in paths)
    assert names == list(range(1, writers * each + 1)), "no number is left out"
    found = sorted(one.score or 0.0 for one in Store(root).records())
    assert found == sorted(w + n / 10 for w in range(writers) for n in range(each))
