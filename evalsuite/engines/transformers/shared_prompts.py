"""Generation from prompts whose common beginning is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from evalsuite.engines.device import DeviceName
from evalsuite.engines.transformers.key_values import KeyValues

LEAST = 32
"""Tokens that prompts must have in common for a pass of its own."""

Tokens = tuple[int, ...]


def common_beginning(prompts: Sequence[Tokens]) -> Tokens:
    """What all prompts begin with, short of the last token of the shortest one.

    Empty for fewer than two prompts, and for less than :data:`LEAST` tokens.
    """
    if len(prompts) < 2:
        return ()
    # All others lie between the first and the last in alphabetical order.
    pairs = zip(min(prompts), max(prompts), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    shared = min(shared, min(map(len, prompts)) - 1)
    return prompts[0][:shared] if shared >= LEAST else ()


def key_values_of(model: Any, beginning: Tokens, device: DeviceName) -> KeyValues:
    """What a causal model keeps of a text."""
    import torch

    cache = KeyValues(()).as_cache()
    with torch.inference_mode():
        model(
            input_ids=torch.tensor([list(beginning)], device=device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
    return KeyValues.of_cache(cache)


def left_padded(states: KeyValues, paddings: Sequence[int]) -> Any:
    """A cache of transformers for prompts that begin alike and are padded on the left.

    It has as many positions as the beginning: of each prompt its padding, and behind it as much of
    the beginning as there is room for. What is left of it the prompt computes itself, in columns
    that are padding otherwise.

    Args:
        states: Of the beginning.
        paddings: Tokens that each prompt is padded with; at least one of them is 0.
    """
    import torch
    from torch.nn.functional import pad

    def rows(states: Any) -> Any:
        length = states.shape[2]
        used = [max(0, length - padding) for padding in paddings]
        return torch.cat([pad(states[:, :, :count], (0, 0, length - count, 0)) for count in used])

    return KeyValues(tuple((rows(keys), rows(values)) for keys, values in states.layers)).as_cache()
