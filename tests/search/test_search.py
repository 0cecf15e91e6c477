"""The streaming search against plain sorts, and against mteb's own search."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mteb.models.models_protocols import CrossEncoderProtocol, EncoderProtocol, SearchProtocol
from mteb.models.search_wrappers import SearchEncoderWrapper

import evalsuite.search.exact as module
from evalsuite.engines.protocols import Vectors
from evalsuite.errors import DataError, EngineError
from evalsuite.kinds.mteb.encoder import MtebEncoder, Prompt
from evalsuite.kinds.mteb.retrieval import MtebSearch, candidate_rows
from evalsuite.search.corpus import Corpus
from evalsuite.search.exact import Hits, rank, search
from evalsuite.search.similarity import unit
from evalsuite.search.topk import TopK, keys_of, scores_and_places
from helpers.bag_of_words import BagOfWords, checkpoint

FLOATS = st.floats(-2, 2, width=32)


@given(st.lists(st.tuples(FLOATS, st.integers(0, 2**32 - 1)), min_size=2))
def test_keys_are_ordered_as_score_and_place_and_give_both_back(
    pairs: list[tuple[float, int]],
) -> None:
    scores = np.array([score for score, _ in pairs], dtype=np.float32)
    places = np.array([place for _, place in pairs], dtype=np.uint32)
    keys = keys_of(scores, places)
    back = scores_and_places(keys)
    np.testing.assert_array_equal(back[0], scores)
    np.testing.assert_array_equal(back[1], places)
    order = sorted(range(len(pairs)), key=lambda i: (-scores[i], places[i]))
    assert np.argsort(-keys, kind="stable").tolist() == order


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.integers(1, 17), st.data()
)
def test_top_k_is_a_full_sort_whatever_the_order_of_blocks(
    seed: int, n: int, k: int, block: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (3, n)).astype(np.float32)  # many ties
    scores[rng.random((3, n)) < 0.1] = np.nan  # never enter
    places = rng.permutation(n).astype(np.uint32)
    best = TopK(3, k)
    for first in data.draw(st.permutations(range(0, n, block))):
        best.add(scores[:, first : first + block], places[first : first + block])
    for row in range(3):
        found, where = best.best(row)
        numbers = [i for i in range(n) if not np.isnan(scores[row, i])]
        expected = sorted(numbers, key=lambda i: (-scores[row, i], places[i]))[:k]
        assert where.tolist() == places[expected].tolist()
        assert found.tolist() == scores[row, expected].tolist()


def corpus_of(n: int, rng: np.random.Generator) -> tuple[Corpus, Vectors, list[str]]:
    """Documents whose texts are their row numbers, with few different vectors."""
    names = [f"{'é' if i % 3 else ''}{i * 7919 % 1000}" for i in range(n)]
    rows = Dataset.from_dict({"id": names, "text": [str(i) for i in range(n)]})
    return Corpus(rows), rng.integers(-1, 2, (n, 3)).astype(np.float32), names


def expected_hits(similarity: Any, names: list[str], pool: list[int], k: int) -> list[int]:
    return sorted(pool, key=lambda row: (float(similarity[row]), names[row]), reverse=True)[:k]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.integers(1, 17))
def test_streaming_search_is_a_full_sort(seed: int, n: int, k: int, block: int) -> None:
    """By descending similarity, equal ones by descending id; what is excluded never."""
    rng = np.random.default_rng(seed)
    corpus, vectors, names = corpus_of(n, rng)
    queries = rng.integers(-1, 2, (5, 3)).astype(np.float32)
    excluded = [int(row) if row < n else None for row in rng.integers(0, 2 * n, 5)]
    candidates = [rng.permutation(n)[: rng.integers(0, n + 1)] for _ in range(5)]

    def given_vectors(texts: list[str]) -> Vectors:
        assert len(texts) <= block
        return vectors[[int(text) for text in texts]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DOCUMENT_BLOCK", block)
        patch.setattr(module, "QUERY_BLOCK", 2)
        patch.setattr(module, "PAIR_BLOCK", 3)
        found = search(corpus, queries, given_vectors, k, excluded)
        ranked = rank(corpus, queries, given_vectors, k, candidates)
    for query in range(5):
        own = ranked[query]
        products = np.einsum("d,nd->n", unit(queries)[query], unit(vectors))
        pool = candidates[query].tolist()
        assert own.rows.tolist() == expected_hits(products, names, pool, k)
        assert own.scores.tolist() == products[own.rows].tolist()
        others = [row for row in range(n) if row != excluded[query]]
        hits: Hits = found[query]
        np.testing.assert_allclose(hits.scores, products[hits.rows], atol=1e-6)
        # Rounding of the product of matrices may part what is equal in theory.
        rounded = products.round(4)
        assert rounded[hits.rows].tolist() == sorted(rounded[others], reverse=True)[:k]
        assert len(set(hits.rows.tolist())) == len(hits.rows) == min(k, len(others))
        assert excluded[query] not in hits.rows


def test_an_error_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCUMENT_BLOCK", 2)
    corpus, vectors, _ = corpus_of(10, np.random.default_rng(0))
    calls = []

    def fails_late(texts: list[str]) -> Vectors:
        calls.append(texts)
        if len(calls) == 3:
            raise EngineError("no engine")
        return vectors[: len(texts)]

    with pytest.raises(EngineError, match="no engine"):
        search(corpus, vectors[:2], fails_late, 3)
    assert len(calls) == 3

    def wrong_shape(texts: list[str]) -> Vectors:
        return vectors[: len(texts), :2]

    with pytest.raises(ValueError, match="matmul"):  # from the other thread
        search(corpus, vectors[:2], wrong_shape, 3)


# --- Against mteb ----------------------------------------------------------------------------

WORDS = ("river", "stone", "cloud", "market", "engine", "violin", "harbour", "pepper")
METADATA = SimpleNamespace(
    type="Retrieval", modalities=["text"], get_modalities=lambda side: ["text"]
)


def world(n: int, queries: int) -> tuple[Dataset, Dataset]:
    """Short texts, so that many are the same, and queries that are documents too."""
    rng = np.random.default_rng(n)
    texts = [" ".join(rng.choice(WORDS, 2)) for _ in range(n)]
    names = [f"d{i}" for i in rng.permutation(n)]
    titles = ["title" if i % 4 == 0 else "" for i in range(n)]
    corpus = Dataset.from_dict({"id": names, "title": titles, "text": texts})
    asked = {"id": names[:queries], "text": texts[:queries]}
    return corpus, Dataset.from_dict(asked)


def both(corpus: Dataset, queries: Dataset, **options: Any) -> list[dict[str, dict[str, float]]]:
    """What mteb's search finds, and ours, with the same vectors."""
    found = []
    for kind in (MtebEncoder, MtebSearch):
        model: Any = kind(BagOfWords(), checkpoint(), lambda _: Prompt("", ""), lambda *_: None)
        engine = SearchEncoderWrapper(model) if kind is MtebEncoder else model
        asked = {"task_metadata": METADATA, "hf_split": "test", "hf_subset": "default"}
        shared = {**asked, "encode_kwargs": {"show_progress_bar": False}, "num_proc": None}
        engine.index(corpus, **shared)
        found.append(engine.search(queries, **shared, **options))
    return found


def test_mteb_takes_it_for_a_search() -> None:
    model = MtebSearch(BagOfWords(), checkpoint(), lambda _: Prompt("", ""), lambda *_: None)
    assert isinstance(model, SearchProtocol)
    assert not isinstance(model, (EncoderProtocol, CrossEncoderProtocol))


@pytest.mark.parametrize("k", [7, 100])
def test_the_outcome_is_that_of_mtebs_search(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with ties at the end of the list, several blocks, and fewer documents than ``k``."""
    monkeypatch.setattr(module, "DOCUMENT_BLOCK", 16)
    monkeypatch.setattr(module, "QUERY_BLOCK", 4)
    corpus, queries = world(60, 10)
    theirs, ours = both(corpus, queries, top_k=k)
    assert list(ours) == list(theirs) == list(queries["id"])
    for query in ours:
        assert len(ours[query]) == len(theirs[query]) == min(k, 60)
        assert query in ours[query], "what has the query's id is left for mteb to drop"
        scores = list(ours[query].values())
        assert scores == pytest.approx(sorted(theirs[query].values(), reverse=True), abs=1e-6)
        for name in set(ours[query]) & set(theirs[query]):
            assert ours[query][name] == pytest.approx(theirs[query][name], abs=1e-6)
        # Only what is tied with the last one may differ: torch.topk names any of those.
        last = min(scores)
        sure = {name for name, score in theirs[query].items() if score > last + 1e-5}
        assert sure == {name for name, score in ours[query].items() if score > last + 1e-5}


def test_equal_documents_come_by_descending_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCUMENT_BLOCK", 16)
    names = [f"d{i}" for i in np.random.default_rng(1).permutation(64)]
    corpus = Dataset.from_dict({"id": names, "text": ["river stone"] * 32 + ["cloud"] * 32})
    queries = Dataset.from_dict({"id": ["q"], "text": ["river stone"]})
    (found,) = both(corpus, queries, top_k=20)[1].values()
    assert list(found) == sorted(names[:32], reverse=True)[:20]


def test_reranking_is_that_of_mteb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given candidates alone are compared: in any order, one twice, none, or no list at all."""
    monkeypatch.setattr(module, "DOCUMENT_BLOCK", 16)
    monkeypatch.setattr(module, "PAIR_BLOCK", 5)
    corpus, queries = world(60, 6)
    names, asked = list(corpus["id"]), list(queries["id"])
    rng = np.random.default_rng(3)
    ranked = {query: rng.permutation(names)[:20].tolist() for query in asked[:4]}
    ranked[asked[3]] += ranked[asked[3]][:2]
    ranked[asked[4]] = []
    theirs, ours = both(corpus, queries, top_k=1000, top_ranked=ranked)
    assert list(ours) == list(theirs) == asked
    assert ours[asked[4]] == ours[asked[5]] == {}
    for query in asked:
        assert ours[query] == pytest.approx(theirs[query], abs=1e-6)
        assert set(ours[query]) == set(ranked.get(query, ()))
    theirs, ours = both(corpus, queries, top_k=5, top_ranked=ranked)
    for query in asked[:3]:
        scores = sorted(theirs[query].values(), reverse=True)
        assert list(ours[query].values()) == pytest.approx(scores, abs=1e-6)


def test_a_candidate_that_does_not_exist_is_named() -> None:
    corpus = Corpus(world(10, 2)[0])
    with pytest.raises(DataError, match="the candidate 'nowhere' is not in the corpus"):
        candidate_rows(corpus, ["q", "r"], {"r": ["d1", "nowhere"]})
