"""From when on a result is suspect, at the limits of each rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evalsuite.schema import Record, Suspicion
from evalsuite.suspicions import (
    COLLAPSED_COSINE,
    codes,
    collapsed,
    nothing_parsed,
    refused,
    said,
    truncated_prompts,
)


def test_a_refusal_begins_with_the_code() -> None:
    error = refused("double-bos", "a prompt begins with two BOS tokens", "remove one")
    assert error.line == "double-bos: a prompt begins with two BOS tokens; remove one"


@pytest.mark.parametrize(
    ("metrics", "n", "words"),
    [
        ({"unparsed": 1.0}, 1, "no answer was found in 100 % of the responses"),
        ({"unparsed": 0.95}, 20, "no answer was found in 95 % of the responses"),
        ({"unjudged": 0.99}, 20, "no verdict was found in 99 % of the responses"),
        ({"unparsed": 0.94}, 100, None),
        ({"timeouts": 1.0}, 100, None),
        ({}, 100, None),
        (
            {"unparsed": 0.5, "a/unparsed": 1.0, "b/unparsed": 0.0},
            20,
            "no answer was found in at least 95 % of the responses of 1 of 2 parts: a",
        ),
        # Fewer than ten items a part: none may be parsed by chance.
        ({"unparsed": 0.5, "a/unparsed": 1.0, "b/unparsed": 0.0}, 19, None),
    ],
)
def test_nothing_parsed(metrics: dict[str, float], n: int, words: str | None) -> None:
    assert [one.what for one in nothing_parsed(metrics, n)] == ([words] if words else [])


def test_truncated_prompts_count_from_one_in_a_hundred_on() -> None:
    assert truncated_prompts(0, 100, 64) == ((), ())
    [suspicion], warnings = truncated_prompts(1, 100, 64)
    assert suspicion.code == "truncated-prompts"
    assert suspicion.what == "1 of 100 prompts were truncated on the left to 64 tokens"
    assert warnings == ()
    suspicions, [warning] = truncated_prompts(1, 101, 64)
    assert suspicions == ()
    assert warning.startswith("truncated-prompts: 1 of 101 prompts")


def around(angle: float, count: int) -> Any:
    """Unit vectors at one angle from an axis, evenly around it; of any length."""
    turns = 2 * np.pi * np.arange(count) / count
    rows = [np.full(count, np.cos(angle)), np.sin(angle) * np.cos(turns)]
    rows.append(np.sin(angle) * np.sin(turns))
    return (np.stack(rows, axis=1) * np.arange(1, count + 1)[:, None]).astype(np.float32)


def test_collapsed_is_the_mean_cosine_over_all_pairs() -> None:
    vectors = around(0.004, 64)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (units @ units.T)[np.triu_indices(64, k=1)].astype(float)
    assert cosines.mean() > COLLAPSED_COSINE
    [suspicion] = collapsed(vectors, "texts")
    assert f"(mean cosine {cosines.mean():.6f})" in suspicion.what
    assert collapsed(around(0.02, 64), "texts") == (), "a mean cosine of 0.9996"


def test_few_or_opposite_vectors_are_not_collapsed() -> None:
    assert collapsed(np.ones((7, 3), dtype=np.float32), "texts") == ()
    assert collapsed(np.ones((8, 3), dtype=np.float32), "texts") != ()
    signs = np.where(np.arange(8) % 2, 1, -1)[:, None]
    assert collapsed((signs * np.ones((8, 3))).astype(np.float32), "texts") == ()
    assert collapsed(np.zeros((8, 3), dtype=np.float32), "texts") == ()


def test_only_scores_are_suspect() -> None:
    from helpers.records import suite_records

    one = Suspicion(code="stale", what="its data changed", next_step="run it again")
    [record, other, *_] = suite_records()
    marked = record.model_copy(update={"suspicions": (one, one)})
    assert codes([marked, other]) == ("stale",)
    failed = marked.model_copy(update={"score": None})
    assert codes([failed]) == ()
    assert said(one) == "stale: its data changed; run it again"
    again = Record.model_validate_json(marked.model_dump_json())
    assert again.suspicions == (one, one)


def test_records_without_the_field_are_read() -> None:
    from helpers.records import suite_records

    plain = suite_records()[0].model_dump(mode="json", exclude={"suspicions"})
    assert Record.model_validate(plain).suspicions == ()
