"""How a model attends, by the hidden states of its probes: made up by hand here."""

from __future__ import annotations

import pytest
import torch

from evalsuite.engines.attention_probe import shown_attention


def states(changed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of two probes with seven positions; the last ``changed`` of them differ."""
    first = torch.ones(2, 7, 4)
    second = first.clone()
    second[:, 7 - changed :] += 0.1
    return first, second


@pytest.mark.parametrize(
    ("changed", "sinks", "expected"),
    [
        (7, 0, "bidirectional"),
        (6, 0, None),
        (0, 0, "causal"),
        (7, 1, "bidirectional"),
        (6, 1, "bidirectional"),
        (5, 1, None),
        (1, 1, None),
        (0, 1, "causal"),
    ],
)
def test_a_first_token_that_stays_is_allowed_where_asked(
    changed: int, sinks: int, expected: str | None
) -> None:
    assert shown_attention(*states(changed), "bfloat16", sinks=sinks) == expected


def test_each_probe_counts_for_itself() -> None:
    first, second = states(7)
    second[0, :2] = first[0, :2]
    assert shown_attention(first, second, "bfloat16", sinks=1) is None
