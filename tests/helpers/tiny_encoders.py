"""Tiny checkpoints with random weights, and a tokenizer whose ids can be written down by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.checkpoint.protocols import WRAPPERS

BOS, EOS, FIRST = 1, 2, 3
"""Ids of ``<s>`` and ``</s>``; byte ``b`` has the id ``FIRST + b``."""

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 4},
    "qwen2": {"num_key_value_heads": 2, "sliding_window": 4, "use_sliding_window": True,
              "max_window_layers": 1},
    "gpt2": {},
    "bert": {},
}  # fmt: skip


def ids_of(text: str) -> list[int]:
    """Ids of a text without special tokens, by the definition of the tokenizer."""
    return [FIRST + byte for byte in text.encode()]


def _alphabet() -> list[str]:
    """The character that stands for each byte in byte-level BPE (GPT-2's ``bytes_to_unicode``)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def tokenizer(template: str | None = "<s> $A") -> PreTrainedTokenizerFast:
    """One token for each byte; the template says which special tokens are added."""
    vocabulary = {"<pad>": 0, "<s>": BOS, "</s>": EOS}
    vocabulary |= {character: FIRST + byte for byte, character in enumerate(_alphabet())}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    if template is not None:
        backend.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", BOS), ("</s>", EOS)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def save_model(folder: Path, family: str, template: str | None = "<s> $A", **config: Any) -> Path:
    """Write a 2-layer model with random weights and its tokenizer."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "vocab_size": 259, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 256, "initializer_range": 0.2,
        "pad_token_id": 0, "bos_token_id": BOS, "eos_token_id": EOS,
    }  # fmt: skip
    settings |= FAMILIES.get(family, {}) | config
    AutoModel.from_config(AutoConfig.for_model(family, **settings)).save_pretrained(folder)
    tokenizer(template).save_pretrained(folder)
    return folder


def checkpoint(path: Path, **protocol: Any) -> Checkpoint:
    """A checkpoint in ``path`` with the GRIT protocol, or changes to it."""
    grit: dict[str, Any] = {
        "engine": "transformers", "wrapper": WRAPPERS["gritlm"], "instructions": "e5",
        "attention": "bidirectional", "pooling": "mean", "max_length": 64,
    }  # fmt: skip
    return Checkpoint(
        name="tiny",
        source=str(path),
        path=path,
        fingerprint="0" * 64,
        kind="grit",
        evidence=(),
        embedding=EmbeddingProtocol(**{**grit, **protocol}),
        chat=None,
        max_positions=256,
    )
