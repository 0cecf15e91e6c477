"""Embedding that was killed goes on where it was, with the same bits, and nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder, Progress, Rendered, Vectors
from evalsuite.engines.vectors.cached_encoder import (
    SHARD_CHARACTERS,
    SHARD_LEAST,
    SHARD_TEXTS,
    CachedEncoder,
    _hash,
    _shards,
    distinct,
)
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.errors import EngineError
from helpers.tiny_encoders import checkpoint, save_model

in_float32 = partial(load_encoder, device="cpu", dtype="float32")

# More than two shards' worth, of uneven length, with repetitions.
TEXTS = [f"text {n} " + "abc" * (n % 11) for n in range(2 * SHARD_TEXTS + 50)]
CALL = [*TEXTS, *TEXTS[5:25], "", ""]


class Counting:
    """A real encoder that remembers what it was given, and stops when told."""

    def __init__(self, inner: Encoder, limit: int = 10**9) -> None:
        self.inner, self.limit = inner, limit
        self.calls: list[list[str]] = []

    @property
    def version(self) -> str:
        return self.inner.version

    @property
    def given(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        if len(self.calls) == self.limit:
            raise EngineError("killed")
        self.calls.append(list(texts))
        return self.inner.encode(texts, prefix, progress)

    def render(self, text: str, prefix: str = "") -> Rendered:
        return self.inner.render(text, prefix)

    def close(self) -> None:
        self.inner.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    path = save_model(tmp_path_factory.mktemp("model"), "llama")
    return in_float32(checkpoint(path))


def sharded(tiny: Encoder, folder: Path, **options: Any) -> tuple[CachedEncoder, Counting]:
    counting = Counting(tiny, **options)
    return CachedEncoder(counting, VectorFiles(folder, "scope")), counting


def test_vectors_are_those_of_the_encoder_in_the_order_of_the_call(
    tiny: Encoder, tmp_path: Path
) -> None:
    encoder, counting = sharded(tiny, tmp_path)
    assert isinstance(encoder, Encoder)
    vectors = encoder.encode(CALL, "p: ")
    np.testing.assert_allclose(vectors, tiny.encode(CALL, "p: "), rtol=0, atol=1e-5)
    assert sorted(counting.given) == sorted(set(CALL)), "each distinct text once"
    assert len(counting.calls) > 1
    assert all(SHARD_LEAST <= len(call) <= SHARD_TEXTS for call in counting.calls[:-1])
    assert encoder.seconds > 0


def test_no_text_is_embedded_twice_in_a_job(tiny: Encoder, tmp_path: Path) -> None:
    encoder, counting = sharded(tiny, tmp_path)
    first = encoder.encode(TEXTS[:30])
    second = encoder.encode(["new", *TEXTS[10:40]])
    assert sorted(counting.given) == sorted(["new", *TEXTS[:40]])
    np.testing.assert_array_equal(second[1:21], first[10:30])
    encoder.encode(TEXTS[:5], "another prefix ")
    assert counting.given[-5:] != [], "another prefix is another text"
    assert len(counting.given) == 41 + 5


def test_a_killed_run_goes_on_bit_for_bit(tiny: Encoder, tmp_path: Path) -> None:
    undisturbed, _ = sharded(tiny, tmp_path / "a")
    expected = [undisturbed.encode(CALL), undisturbed.encode([*TEXTS[::-1], "late"])]

    killed, before = sharded(tiny, tmp_path / "b", limit=2)
    with pytest.raises(EngineError, match="killed"):
        killed.encode(CALL)
    resumed, after = sharded(tiny, tmp_path / "b")
    actual = [resumed.encode(CALL), resumed.encode([*TEXTS[::-1], "late"])]

    for one, other in zip(actual, expected, strict=True):
        assert one.tobytes() == other.tobytes()
    assert len(before.calls) == 2
    assert not set(before.given) & set(after.given)
    assert sorted(before.given + after.given) == sorted({*CALL, "late"})


@pytest.mark.parametrize("damage", ["deleted", "cut", "empty", "not an array"])
def test_a_damaged_shard_alone_is_computed_again(
    tiny: Encoder, tmp_path: Path, damage: str
) -> None:
    first, counting = sharded(tiny, tmp_path)
    expected = first.encode(CALL)
    victim = sorted(tmp_path.glob("*/*.npy"))[1]
    if damage == "deleted":
        victim.unlink()
    else:
        whole = victim.read_bytes()
        remains = {"cut": whole[: len(whole) // 2], "empty": b"", "not an array": b"x" * 500}
        victim.write_bytes(remains[damage])
    again, recount = sharded(tiny, tmp_path)
    assert again.encode(CALL).tobytes() == expected.tobytes()
    assert len(recount.calls) == 1
    assert recount.calls[0] in counting.calls


@pytest.mark.parametrize(
    ("scope", "prefix", "reused"),
    [("scope", "", True), ("other", "", False), ("scope", "p", False)],
)
def test_shards_of_another_scope_or_prefix_are_not_used(
    tiny: Encoder, tmp_path: Path, scope: str, prefix: str, reused: bool
) -> None:
    CachedEncoder(tiny, VectorFiles(tmp_path, "scope")).encode(["a", "b"])
    counting = Counting(tiny)
    CachedEncoder(counting, VectorFiles(tmp_path, scope)).encode(["b", "a"], prefix)
    assert (counting.calls == []) is reused


@given(texts=st.lists(st.sampled_from(["", "a", "b", "cc", "ddd"]), min_size=1, max_size=30))
def test_distinct_texts_give_back_the_call(texts: list[str]) -> None:
    kept, index = distinct(texts)
    assert len(set(kept)) == len(kept)
    assert [kept[place] for place in index] == texts


def test_names_tell_where_one_text_ends(tiny: Encoder, tmp_path: Path) -> None:
    for texts, prefix in ([["ab", "cd"], ""], [["abc", "d"], ""], [["b", "cd"], "a"]):
        CachedEncoder(tiny, VectorFiles(tmp_path, "scope")).encode(texts, prefix)
    assert len(list(tmp_path.glob("*/*.npy"))) == 3


def test_progress_counts_all_texts_of_the_call(tiny: Encoder, tmp_path: Path) -> None:
    told: list[int] = []
    encoder, _ = sharded(tiny, tmp_path)
    encoder.encode(CALL, "", told.append)
    assert sum(told) == len(CALL)
    assert len(told) > 3, "within a shard, too"

    told.clear()
    resumed, counting = sharded(tiny, tmp_path)
    resumed.encode(CALL, "", told.append)
    assert (sum(told), counting.calls) == (len(CALL), [])
    told.clear()
    resumed.encode(CALL, "", told.append)
    assert told == [len(CALL)]


def test_long_texts_make_smaller_shards(tiny: Encoder, tmp_path: Path) -> None:
    encoder, counting = sharded(tiny, tmp_path)
    long = [letter * (SHARD_CHARACTERS // 2) for letter in "abc"]
    encoder.encode([*long, "short"])
    assert [len(call) for call in counting.calls] == [2, 2]


def test_no_texts(tiny: Encoder, tmp_path: Path) -> None:
    assert sharded(tiny, tmp_path)[0].encode([]).shape == (0, 32)


def shards_of(texts: Sequence[str]) -> list[tuple[str, ...]]:
    keys = [_hash("", text)[:16] for text in texts]
    return [
        tuple(texts[place] for place in shard) for shard in _shards(texts, range(len(texts)), keys)
    ]


def test_shards_are_a_matter_of_the_set_of_texts() -> None:
    texts = [f"document {n} " + "abc" * (n % 7) for n in range(20 * SHARD_LEAST)]
    found = shards_of(texts)
    assert sorted(text for shard in found for text in shard) == sorted(texts)
    assert found == shards_of(texts[::-1])
    assert all(SHARD_LEAST <= len(shard) <= SHARD_TEXTS for shard in found[:-1])


def test_corpora_that_differ_a_little_share_most_shards() -> None:
    """As FEVER and ClimateFEVER do: a few documents more, and some that are missing."""
    corpus = [f"document {n} " + "abc" * (n % 50) for n in range(40_000)]
    changed = [
        *corpus[:7_000],
        "one more",
        *corpus[7_003:30_000],
        "another abcabc",
        *corpus[30_001:],
    ]
    shared = set(shards_of(corpus)) & set(shards_of(changed))
    assert sum(len(shard) for shard in shared) > 0.8 * len(corpus)


def test_a_task_with_the_same_texts_embeds_nothing(tiny: Encoder, tmp_path: Path) -> None:
    first = sharded(tiny, tmp_path)[0].encode(CALL)
    other, counting = sharded(tiny, tmp_path)
    second = other.encode([*TEXTS[::-1], ""])
    assert counting.calls == []
    assert second[:-1].tobytes() == first[: len(TEXTS)][::-1].tobytes()


def test_two_runs_at_once_use_one_folder(tiny: Encoder, tmp_path: Path) -> None:
    one, first = sharded(tiny, tmp_path)
    other, second = sharded(tiny, tmp_path)
    turns = [encoder.encode(part) for part in (TEXTS[:300], CALL) for encoder in (one, other)]
    assert turns[0].tobytes() == turns[1].tobytes()
    assert turns[2].tobytes() == turns[3].tobytes()
    assert sorted(first.given) == sorted(set(CALL))
    assert second.calls == []


def test_what_is_removed_meanwhile_is_computed_again(tiny: Encoder, tmp_path: Path) -> None:
    encoder, counting = sharded(tiny, tmp_path)
    expected = encoder.encode(CALL)
    for path in tmp_path.glob("*/*.npy"):
        path.unlink()
    assert encoder.encode(CALL).tobytes() == expected.tobytes()
    assert sorted(counting.given) == sorted(2 * sorted(set(CALL)))
