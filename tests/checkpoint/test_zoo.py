"""Kinds of checkpoint against the model's own library: the part of the zoo that is cheap to build.

All of it: ``python bench/checkpoint_zoo.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo_gguf
import zoo_models
import zoo_sentence_transformers
from zoo import Kind, tried

CHOSEN = (
    "pooling: cls, absolute positions, padding left",
    "pooling: lasttoken, rotary positions, padding left",
    "pooling: cls without the prompt, padding left",
    "modules: two Dense, Normalize",
    "modules: CNN, which reads padding",
    "modules: BoW, Dense",
    "modules: RoBERTa with 34 positions, of which 32 can be used",
    "similarity: dot",
    "similarity: euclidean",
    "similarity: manhattan",
    "prompts: default_prompt_name query",
    "prompts: default_prompt_name that is not there",
    "dimension: truncate_dim 8 behind Normalize",
    "router: transformers by side",
    "router: Dense by side",
    "other models: model_type CrossEncoder",
    "other models: model_type SparseEncoder",
    "other models: a late-interaction model that pools",
    "other models: keys of PyLate",
    "other models: module SpladePooling",
    "encoders: t5, the encoder alone",
    "tokenizers: byte-level file named LlamaTokenizerFast",
    "tokenizers: another pipeline below qwen2",
    "tokenizers: add_eos_token true, not in the file",
    "tokenizers: add_bos_token true, not in the file",
    "chat templates: several, no default",
    "quantised: gptq over plain weights",
    "quantised: an unknown method",
    "quantised: gptq",
    "quantised: fp8",
    "adapters: embed_tokens, tied base",
    "adapters: lm_head, tied base",
    "GGUF: linear scaling",
    "GGUF: YaRN",
    "GGUF: rope_freqs of Llama 3",
    "GGUF: attention.key_length 32",
    "GGUF: add_bos_token true",
    "GGUF: attention.sliding_window",
    "GGUF: logit_scale",
)


def every() -> dict[str, Kind]:
    """Kinds by what they are about and their name."""
    rooms = (zoo_sentence_transformers, zoo_models, zoo_gguf)
    return {f"{kind.group}: {kind.name}": kind for room in rooms for kind in room.kinds()}


KINDS = every()


@pytest.mark.parametrize("name", CHOSEN)
def test_a_kind_is_right_or_refused_by_name(name: str, tmp_path: Path) -> None:
    outcome = tried(KINDS[name], tmp_path / "folder", tmp_path / "cache")
    assert outcome.right, outcome.what


def test_the_zoo_has_many_kinds() -> None:
    assert len(KINDS) >= 60
