"""How a model attends, by the hidden states of its probes: made up by hand here."""

from __future__ import annotations

import pytest
import torch

from evalsuite.engines.attention_probe import Observed, check, observe
from evalsuite.errors import EngineError


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
    assert observe(*states(changed), "bfloat16", sinks=sinks).attention == expected


def test_each_probe_counts_for_itself() -> None:
    first, second = states(7)
    second[0, :2] = first[0, :2]
    assert observe(first, second, "bfloat16", sinks=1).attention is None


def test_a_refusal_says_by_which_figures() -> None:
    # Each state has the norm 2; a change of 0.1 in each of four numbers has 0.2.
    with pytest.raises(
        EngineError,
        match=r"LlamaModel attends partly bidirectional, .* asks for bidirectional attention "
        r"\(the last token changed 5 of 7 earlier states by more than 0.005; relative changes "
        r"0.0e\+00 to 1.0e-01\); its embeddings cannot be trusted",
    ):
        check("LlamaModel", observe(*states(5), "bfloat16", sinks=1), "bidirectional")
    check("LlamaModel", Observed("causal", ""), "causal")
