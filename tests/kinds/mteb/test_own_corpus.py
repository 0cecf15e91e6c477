"""Large corpora of one's own: read once, never in memory, and a kill costs a shard."""

from __future__ import annotations

import gc
import json
import multiprocessing
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import evalsuite.kinds.mteb.own_corpus as module
import evalsuite.search.exact as searching
from evalsuite.engines.protocols import Progress, Vectors
from evalsuite.engines.vectors.cached_encoder import SHARD_TEXTS
from evalsuite.errors import DataError, EngineError
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.mteb.own_corpus import read_corpus
from evalsuite.kinds.table import make_task
from evalsuite.search.corpus import Corpus
from evalsuite.search.exact import search
from helpers.bag_of_words import BagOfWords, checkpoint
from helpers.contexts import make_context


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def corpus_file(folder: Path, n: int, text: Callable[[int], str] = str) -> Path:
    path = folder / f"corpus-{n}.jsonl"
    rows = ({"id": f"d{i}", "text": text(i), "title": "t" if i % 2 else None} for i in range(n))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def files_in(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "corpora").glob("*/*"))


def test_a_corpus_is_read_once_and_again_when_it_has_changed(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = corpus_file(tmp_path, 10)
    first = read_corpus(path, {})
    assert list(first["id"]) == [f"d{i}" for i in range(10)]
    assert list(first["title"]) == ["", "t"] * 5
    assert len(files_in(cache)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(module, "stream_rows", None)
        assert read_corpus(path, {}).to_list() == first.to_list()
    path.write_text('{"id": 1, "text": "other"}\n')
    assert read_corpus(path, {}).to_list() == [{"id": "1", "title": "", "text": "other"}]
    assert len(files_in(cache)) == 2
    path.write_text('{"id": 1, "text": "a third"}\n')
    monkeypatch.setattr(module, "LIMIT", 1)
    assert read_corpus(path, {}).to_list() == [{"id": "1", "title": "", "text": "a third"}]
    assert files_in(cache) == []
    assert first[9]["text"] == "9", "a file that is in use may go"


def test_columns_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"key": 7, "title": "body"}\n')
    read = read_corpus(path, {"id": "key", "text": "title"})
    assert read.to_list() == [{"id": "7", "title": "", "text": "body"}]
    with path.open("a") as stream:
        stream.write('{"key": 7, "title": "again"}\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:2: 'key' '7' occurs twice"):
        read_corpus(path, {"id": "key", "text": "title"})
    path.write_text('{"key": 7, "title": 3}\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:1: 'title' is int, not text"):
        read_corpus(path, {"id": "key", "text": "title"})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "d3", "text": "b"}, r"corpus-9\.jsonl:10: 'id' 'd3' occurs twice"),
        ({"id": "x", "text": 3}, r"corpus-9\.jsonl:10: 'text' is int, not text"),
        ({"id": "x", "text": "b", "title": [1]}, r"corpus-9\.jsonl:10: 'title' is list, not text"),
        ({"id": None, "text": "b"}, r"corpus-9\.jsonl:10: column 'id' is null"),
        ([], r"corpus-9\.jsonl:10: not a JSON object but list"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_left(
    tmp_path: Path, cache: Path, row: object, message: str
) -> None:
    path = corpus_file(tmp_path, 9)
    with path.open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    for _ in range(2):
        with pytest.raises(DataError, match=message):
            read_corpus(path, {})
    assert files_in(cache) == []


def test_ids_whose_hashes_clash_are_no_repetition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "hash", len, raising=False)
    path = corpus_file(tmp_path, 30)
    assert len(read_corpus(path, {})) == 30
    with path.open("a") as stream:
        stream.write('{"id": "d4", "text": "b"}\n{"id": "d2", "text": "b"}\n')
    with pytest.raises(DataError, match=":31: 'id' 'd4' occurs twice"):
        read_corpus(path, {})


def test_two_runs_at_once_read_the_same(tmp_path: Path, cache: Path) -> None:
    path = corpus_file(tmp_path, 5_000)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sizes = [pool.apply_async(_read, (path,)) for _ in range(4)]
        assert [size.get(timeout=120) for size in sizes] == [5_000] * 4
    assert len(files_in(cache)) == 1


def _read(path: Path) -> int:
    return len(read_corpus(path, {}))


def test_memory_does_not_grow_with_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a document of 300 characters and 32 dimensions, some tens of bytes stay."""
    monkeypatch.setattr(searching, "DOCUMENT_BLOCK", 256)
    monkeypatch.setattr(module, "_BATCH", 256)

    def peak(n: int) -> int:
        path = corpus_file(tmp_path, n, lambda i: f"{i:300}")
        rng = np.random.default_rng(0)
        gc.collect()
        tracemalloc.start()
        try:
            corpus = Corpus(read_corpus(path, {}))
            queries = rng.standard_normal((4, 32), dtype=np.float32)
            search(corpus, queries, lambda texts: rng.standard_normal((len(texts), 32), "f4"), 10)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2_000)  # what libraries load at their first use
    assert (peak(10_000) - peak(2_000)) / 8_000 < 100


class Mortal(BagOfWords):
    """Ends after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self._left = calls

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        self._left -= 1
        if self._left < 0:
            raise EngineError("killed")
        return super().encode(texts, prefix, progress)


def test_a_kill_costs_one_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "DOCUMENT_BLOCK", 1500)
    files = {"corpus": corpus_file(tmp_path, 4_000, lambda i: f"text number {i}")}
    for role, row in (
        ("queries", {"id": "q", "text": "text number 77"}),
        ("qrels", {"query-id": "q", "corpus-id": "d77", "score": 1}),
    ):
        files[role] = tmp_path / f"{role}.jsonl"
        files[role].write_text(json.dumps(row) + "\n")
    task = make_task(name="own", kind="mteb", type="retrieval", data=files)

    def run(encoder: BagOfWords, folder: str) -> Evaluation:
        (tmp_path / folder).mkdir(exist_ok=True)
        context = make_context(checkpoint=checkpoint(), workdir=tmp_path / folder)
        return MtebHarness().evaluate(task, encoder, context)

    whole = BagOfWords()
    expected = run(whole, "whole")
    assert max(len(texts) for _, texts in whole.calls) <= SHARD_TEXTS
    killed = Mortal(calls=6)
    with pytest.raises(EngineError, match="killed"):
        run(killed, "killed")
    resumed = BagOfWords()
    actual = run(resumed, "killed")
    assert len(killed.calls) == 6 < len(whole.calls)
    # What was being computed when it ended, and nothing before, is computed again.
    assert killed.calls + resumed.calls == whole.calls
    assert (actual.score, actual.samples) == (expected.score, expected.samples)
