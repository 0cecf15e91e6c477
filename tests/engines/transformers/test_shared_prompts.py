"""What prompts have in common is computed once and read behind their padding."""

from __future__ import annotations

import random

import pytest

from evalsuite.engines.transformers.shared_prompts import (
    LEAST,
    common_beginning,
    key_values_of,
    left_padded,
)
from evalsuite.engines.transformers.sharing import FAMILIES
from helpers.tiny_families import VOCABULARY, make_tiny_model

LONG = tuple(range(3, 3 + LEAST))


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([], ()),
        ([(*LONG, 1)], ()),
        ([(*LONG, 1), (*LONG, 2, 3), (*LONG, 1, 1)], LONG),
        ([(*LONG, 1), (*LONG, 1)], LONG),
        # The last token of a prompt is always computed: what follows it is asked for.
        ([LONG, (*LONG, 2)], ()),
        ([(*LONG, 9, 9), (*LONG, 9), (*LONG, 9, 8)], LONG),
        ([(*LONG, 1), (2, 3)], ()),
        ([LONG[1:], LONG[1:]], ()),
    ],
)
def test_what_prompts_have_in_common(
    prompts: list[tuple[int, ...]], shared: tuple[int, ...]
) -> None:
    assert common_beginning(prompts) == shared


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_logits_behind_padding_are_those_without_it(family: str) -> None:
    """Also where layers see through a window: there is no padding between tokens."""
    import torch

    draw = random.Random(3)
    windows = {} if FAMILIES[family] == "whole" else {"sliding_window": 9}
    model = make_tiny_model(family, **windows)
    beginning = tuple(draw.randrange(3, VOCABULARY) for _ in range(12))
    rests = [tuple(draw.randrange(3, VOCABULARY) for _ in range(n)) for n in (20, 17, 9, 3, 1)]
    prompts = [beginning + rest for rest in rests]
    paddings = [len(prompts[0]) - len(prompt) for prompt in prompts]
    assert max(paddings) > len(beginning)
    ids = torch.tensor(
        [[0] * count + list(prompt) for count, prompt in zip(paddings, prompts, strict=True)]
    )
    mask = torch.tensor([[0] * n + [1] * (ids.shape[1] - n) for n in paddings])
    cache = left_padded(key_values_of(model, beginning, "cpu"), paddings)
    with torch.inference_mode():
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, len(beginning) :]
        found = model(
            input_ids=ids[:, len(beginning) :],
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
        ).logits[:, -1]
        for prompt, row in zip(prompts, found, strict=True):
            alone = model(torch.tensor([prompt]), use_cache=False).logits[0, -1]
            assert torch.allclose(row, alone, atol=1e-4)
