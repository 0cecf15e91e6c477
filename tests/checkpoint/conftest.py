"""Small checkpoints: hand-written files where only files matter, tiny real models elsewhere."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_key_value_heads": 2}
BERT = {"architectures": ["BertModel"], "model_type": "bert", "max_position_embeddings": 512}

WORDS = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}

WriteWeights = Callable[..., Path]
WriteFolder = Callable[..., Path]


def _write_weights(path: Path, payload: bytes = b"\1\2\3\4") -> Path:
    """A safetensors file with one uint8 tensor, from the format's definition."""
    entry = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [0, len(payload)]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + payload)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def write_weights() -> WriteWeights:
    return _write_weights


@pytest.fixture
def write_folder(tmp_path: Path) -> WriteFolder:
    """Write a model folder: ``config``, one weight file, a tokenizer, and further files."""

    def write(name: str = "model", config: Any = LLAMA, **files: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config))
        _write_weights(folder / "model.safetensors")
        (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": [], "model": WORDS}))
        for key, content in files.items():
            file = folder / key.replace("__", "/")
            file.parent.mkdir(exist_ok=True)
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    return write


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real two-layer Llama with random float32 weights, a tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<unk>", "<s>", "</s>", *(f"w{i}" for i in range(61))]
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
