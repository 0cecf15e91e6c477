"""Tiny causal language models of many architectures, with random weights."""

from __future__ import annotations

from typing import Any

VOCABULARY = 61


def make_tiny_model(family: str, **settings: Any) -> Any:
    """A model of four layers in float32; the same weights every time.

    Args:
        family: The ``model_type`` of its config.
        settings: Further keys of its config.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(family, **_common(family) | settings)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def _common(family: str) -> dict[str, Any]:
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    # Large weights, so that what a token sees shows in the log-probabilities.
    drawn = {"vocab_size": VOCABULARY, "initializer_range": 0.3, **ends}
    if family == "gpt2":
        return drawn | {"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 128}
    if family == "mamba":
        return drawn | {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
    shape = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
    }
    experts = {
        "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2},
        "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
        "qwen2_moe": {"shared_expert_intermediate_size": 16},
        "qwen3_moe": {},
    }
    if family in ("qwen2_moe", "qwen3_moe"):
        shape |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    if family not in ("gpt_neox", "phi"):
        shape |= {"num_key_value_heads": 2}
    if family.startswith(("gemma", "gpt_oss", "qwen3", "smollm3")):
        shape |= {"head_dim": 8}
    return drawn | shape | experts.get(family, {})
