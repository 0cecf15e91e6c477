"""Pooling many texts at once on a GPU: the vectors of one after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("vllm")

from evalsuite.engines.pooling import POOLINGS
from evalsuite.engines.vllm.pooler import TOGETHER, TextPooler, pool_together


def of_each(texts: list[Any], asked: list[dict[str, Any]]) -> Any:
    """By definition: each text alone, in float64."""
    rows = []
    for text, one in zip(texts, asked, strict=True):
        kept = text[None, one.get("leave_out", 0) :].double()
        mask = torch.ones(kept.shape[:2])
        rows.append(POOLINGS[one.get("pooling", "mean")](kept, mask)[0])
    return torch.stack(rows).float()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_vectors_are_those_of_one_text_after_the_other(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    kinds = [*POOLINGS]
    texts = [torch.randn(1 + (5 * i) % 23, 16).to(dtype) for i in range(2 * TOGETHER + 9)]
    asked: list[dict[str, Any]] = [
        {"pooling": kinds[i % 4], "leave_out": i % len(text)} for i, text in enumerate(texts)
    ]
    asked[3] = {}  # vLLM's trial run asks for nothing
    found = pool_together(texts, asked)
    assert found.dtype == torch.float32
    assert (found - of_each(texts, asked)).abs().max() <= 1e-6


def test_on_a_cpu_each_text_is_pooled_alone() -> None:
    """Its bits are those of stored scores."""
    hidden = torch.randn(9, 4)
    cursor = SimpleNamespace(
        is_partial_prefill=lambda: False, num_scheduled_tokens_cpu=torch.tensor([2, 4, 3])
    )
    metadata = SimpleNamespace(
        get_pooling_cursor=lambda: cursor,
        pooling_params=[SimpleNamespace(extra_kwargs={"pooling": "mean"})] * 3,
    )
    found = TextPooler().forward(hidden, metadata)
    alone = [
        POOLINGS["mean"](part[None], torch.ones(1, len(part)))[0]
        for part in (hidden[:2], hidden[2:6], hidden[6:])
    ]
    assert isinstance(found, list)
    assert all(torch.equal(a, b) for a, b in zip(found, alone, strict=True))
