"""The shares of responses in which no answer was found, by part of a task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evalsuite.kinds.lm_eval.results import INVALID, samples_of

EXTRACTED, EMPTY = ["3", INVALID], ["", ""]


def leaf(output: str = "generate_until") -> Any:
    return SimpleNamespace(OUTPUT_TYPE=output, get_config=lambda key: None)


def example(number: int, filter_name: str, found: str) -> dict[str, Any]:
    return {
        "doc": {},
        "doc_id": number,
        "filter": filter_name,
        "exact_match": 0.0,
        "arguments": [("question", {})],
        "target": "3",
        "resps": [[found]],
        "filtered_resps": [found],
    }


def shares(filter_name: str, **found: list[str]) -> dict[str, float]:
    """Name of a part → what was found in each of its responses."""
    logged = {
        name: [example(n, filter_name, text) for n, text in enumerate(texts)]
        for name, texts in found.items()
    }
    loaded: Any = SimpleNamespace(leaves={name: leaf() for name in found})
    return samples_of(logged, loaded, dict.fromkeys(found, f"exact_match,{filter_name}"))[1]


@pytest.mark.parametrize(
    ("filter_name", "found", "expected"),
    [
        ("strict", {"t": EXTRACTED}, {"unparsed": 0.5}),
        ("strict", {"t": ["3", "4"]}, {"unparsed": 0.0}),
        (
            "strict",
            {"a": EXTRACTED, "b": [INVALID] * 2},
            {"unparsed": 0.75, "a/unparsed": 0.5, "b/unparsed": 1.0},
        ),
        # Responses as they are: nothing to parse, unless all are empty.
        ("none", {"t": ["3", ""]}, {}),
        ("none", {"t": EMPTY}, {"unparsed": 1.0}),
        ("none", {"a": ["3", "4"], "b": EMPTY}, {"unparsed": 0.5, "b/unparsed": 1.0}),
    ],
)
def test_shares(filter_name: str, found: dict[str, list[str]], expected: dict[str, float]) -> None:
    assert shares(filter_name, **found) == expected
