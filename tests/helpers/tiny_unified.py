"""Tiny decoders of several families that both embed and generate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol, Wrapper
from helpers.tiny_lm import make_tiny_lm

FAMILIES = ("llama", "mistral", "mistral-window", "qwen2", "qwen3")
GRIT = Wrapper(template="<|user|>\n{instruction}\n<|embed|>\n", bare="<|embed|>\n")


def make_tiny_unified(path: Path, family: str, attention: str, kind: str = "grit") -> Checkpoint:
    """Write a decoder of two layers with a byte-level tokenizer that adds a BOS."""
    import torch
    from transformers import AutoModelForCausalLM, MistralConfig, Qwen2Config, Qwen3Config

    made = make_tiny_lm(path, positions=1024)
    other: dict[str, Any] = {
        "mistral": (MistralConfig, {"sliding_window": None}),
        "mistral-window": (MistralConfig, {"sliding_window": 64}),
        "qwen2": (Qwen2Config, {}),
        "qwen3": (Qwen3Config, {"head_dim": 16}),
    }
    if family in other:
        config, more = other[family]
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(
            config(
                vocab_size=258,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                max_position_embeddings=1024,
                bos_token_id=0,
                eos_token_id=1,
                initializer_range=0.3,
                **more,
            )
        ).save_pretrained(path)
    protocol = EmbeddingProtocol(
        engine="transformers",
        wrapper=GRIT,
        attention=attention,  # type: ignore[arg-type]
        pooling="mean",
        max_length=512,
    )
    return made.model_copy(update={"embedding": protocol, "kind": kind})
