"""Which checkpoints share beginnings, and a model that does otherwise than its family."""

from __future__ import annotations

from typing import Any

import pytest

from evalsuite.engines.protocols import Score
from evalsuite.engines.transformers.shared_scoring import SharedScoring
from evalsuite.engines.transformers.sharing import (
    check_sharing,
    probe_requests,
    why_not_shared,
)
from evalsuite.errors import EngineError
from helpers.tiny_families import VOCABULARY, make_tiny_model


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"model_type": "bloom"}, "bloom"),
        ({"model_type": "jamba"}, "jamba"),
        ({}, "type None"),
        ({"model_type": "llama", "is_causal": False}, "later tokens"),
        ({"model_type": "gemma3_text", "use_bidirectional_attention": True}, "later tokens"),
        ({"model_type": "phi3", "rope_scaling": {"type": "longrope"}}, "longrope"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": "dynamic"}}, "dynamic"),
        (
            {
                "model_type": "gemma3_text",
                "rope_parameters": {"full_attention": {"rope_type": "dynamic"}},
            },
            "dynamic",
        ),
    ],
)
def test_texts_are_scored_apart(config: dict[str, Any], reason: str) -> None:
    assert reason in (why_not_shared(config) or "")


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gpt2"},
        {"model_type": "llama", "rope_scaling": {"rope_type": "llama3"}},
        {"model_type": "mistral", "sliding_window": 4096, "rope_scaling": None},
    ],
)
def test_beginnings_are_shared(config: dict[str, Any]) -> None:
    assert why_not_shared(config) is None


def test_code_of_a_checkpoints_own_counts_where_it_would_run() -> None:
    config = {"model_type": "llama", "auto_map": {"AutoModelForCausalLM": "modeling.Own"}}
    assert why_not_shared(config) is None
    assert "own" in (why_not_shared(config, own_code=True) or "")


class SeesAll:
    """A model that takes no notice of which token sees which."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.config, self.dtype = model.config, model.dtype

    def __call__(self, attention_mask: Any, **given: Any) -> Any:
        return self._model(attention_mask=attention_mask * 0, **given)


def test_a_model_that_ignores_the_mask_is_found_out() -> None:
    model = make_tiny_model("llama")
    apart = SharedScoring(model, "cpu", 512).score
    shared = SharedScoring(SeesAll(model), "cpu", 24, 8).score
    with pytest.raises(EngineError, match=r"tiny scores texts otherwise.*float32") as raised:
        check_sharing(apart, shared, VOCABULARY, "float32", "tiny")
    assert "--no-prefix-caching" in raised.value.advice
    assert check_sharing(apart, apart, VOCABULARY, "float32", "tiny") == 0


def test_scores_that_are_no_numbers_are_found_out() -> None:
    def lost(requests: Any) -> list[Score]:
        return [Score(float("nan"), greedy=False) for _ in requests]

    with pytest.raises(EngineError):
        check_sharing(lost, lost, VOCABULARY, "bfloat16", "tiny")


def test_the_probe_has_tokens_of_the_smallest_vocabulary() -> None:
    tokens = {token for one in probe_requests(2) for token in one.context_ids}
    assert tokens <= {0, 1}
