"""Checkpoints that are damaged or meant to harm."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "tie_word_embeddings": True,
    "vocab_size": 8,
    "max_position_embeddings": 64,
}
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "WordLevel", "vocab": {f"w{n}": n for n in range(8)}, "unk_token": "w0"},
}
EMBEDDING = "model.embed_tokens.weight"


Build = Callable[[Path], list[str]]
"""From an empty folder for inputs to the arguments."""


class Payload:
    """Makes a file where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch owned",))


def safetensors(header: dict[str, Any] | bytes, body: int = 0, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(body)


def tensor(*shape: int, start: int = 0, end: int | None = None, dtype: str = "F32") -> Any:
    size = 4
    for side in shape:
        size *= side
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end or start + size]}


PICKLE = pickle.dumps(Payload())
SHAPES: dict[str, tuple[int, ...]] = {
    EMBEDDING: (8, 4),
    **{f"model.layers.0.self_attn.{part}_proj.weight": (4, 4) for part in "qkvo"},
    **{f"model.layers.0.mlp.{part}_proj.weight": (8, 4) for part in ("gate", "up")},
    "model.layers.0.mlp.down_proj.weight": (4, 8),
    "model.layers.0.input_layernorm.weight": (4,),
    "model.layers.0.post_attention_layernorm.weight": (4,),
    "model.norm.weight": (4,),
}


def _model() -> bytes:
    """A whole model: all of its numbers are 0."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in SHAPES.items():
        header[name] = tensor(*shape, start=at)
        at = header[name]["data_offsets"][1]
    return safetensors(header, at)


WEIGHTS = _model()


def good(folder: Path) -> None:
    """A checkpoint that can be loaded; each case changes one thing about it."""
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    kind = json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "tokenizer_config.json").write_text(kind)
    (folder / "model.safetensors").write_bytes(WEIGHTS)


def command(folder: Path) -> list[str]:
    """The command that is to refuse a checkpoint."""
    return ["run", "--ckpt", str(folder), "--tasks", "smoke-sts", "--device", "cpu"]


def _with(files: dict[str, bytes | str | None]) -> Build:
    def build(folder: Path) -> list[str]:
        good(folder)
        for name, content in files.items():
            path = folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return command(folder)

    return build


def _config(**changes: Any) -> Build:
    return _with({"config.json": json.dumps(CONFIG | changes)})


def _tokenizer(words: dict[str, int]) -> str:
    return json.dumps(
        TOKENIZER | {"model": {"type": "WordLevel", "vocab": words, "unk_token": "a"}}
    )


def _weights(content: bytes) -> Build:
    return _with({"model.safetensors": content})


def _special(change: Callable[[Path], object]) -> Build:
    def build(folder: Path) -> list[str]:
        good(folder)
        change(folder)
        return command(folder)

    return build


def _sparse(path: Path, size: int) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def _large_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    _sparse(path, 3 << 30)
    with path.open("r+b") as file:
        file.write(struct.pack("<Q", (3 << 30) - 8))


def _linked(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("model.safetensors")


def _pipe(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def _gguf(content: bytes) -> Build:
    def build(folder: Path) -> list[str]:
        (folder / "m.gguf").write_bytes(content)
        return command(folder / "m.gguf")

    return build


def _index(weight_map: Any) -> Build:
    index = json.dumps({"weight_map": weight_map})
    return _with({"model.safetensors": None, "model.safetensors.index.json": index})


ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "nowhere/else"}

CASES: dict[str, Build] = {
    "pickle weights": _with({"model.safetensors": None, "pytorch_model.bin": PICKLE}),
    "pickle weights by another name": _with({"model.safetensors": None, "model.pt": PICKLE}),
    "an adapter of pickle weights": _with({
        "adapter_config.json": json.dumps(ADAPTER), "adapter_model.bin": PICKLE
    }),
    "a config that asks for its own code": _with({
        "config.json": json.dumps(CONFIG | {
            "architectures": ["OwnForCausalLM"], "model_type": "own",
            "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"},
        }),
        "own.py": "open('owned', 'w').close()\n",
    }),
    "a known architecture with its own code": _with({
        "config.json": json.dumps(
            CONFIG | {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
        ),
        "own.py": "open('owned', 'w').close()\n",
    }),
    "weights without a byte": _weights(b""),
    "weights of seven bytes": _weights(b"\0" * 7),
    "a header longer than its file": _weights(safetensors({EMBEDDING: tensor(8, 4)}, 128, 10**6)),
    "a header of 2⁶⁴ bytes": _weights(b"\xff" * 8 + b"{}" * 50),
    "a header of three gigabytes": _special(_large_header),
    "a header that is no JSON": _weights(safetensors(b"{'a': 1}", 128)),
    "a header nested 100,000 deep": _weights(safetensors(b'{"a":' + b"[" * 100_000, 128)),
    "a header that is a list": _weights(safetensors(b"[1, 2, 3]", 0)),
    "a header whose entries are numbers": _weights(safetensors({EMBEDDING: 3}, 128)),
    "weights cut off": _weights(WEIGHTS[:-20]),
    "weights with bytes behind": _weights(WEIGHTS + b"x" * 20),
    "tensors that overlap": _weights(
        safetensors({EMBEDDING: tensor(8, 4), "b": tensor(8, 4)}, 128)
    ),
    "a tensor that starts before the file": _weights(
        safetensors({EMBEDDING: tensor(8, 4), "b": tensor(2, start=-8, end=-4)}, 128)
    ),
    "a tensor larger than its bytes": _weights(
        safetensors({EMBEDDING: tensor(10**9, 10**9, end=128)}, 128)
    ),
    "a pointer instead of weights": _weights(b"version https://git-lfs.github.com/spec/v1\n"),
    "weights that are a loop of links": _special(_linked),
    "weights that are a pipe": _special(_pipe("model.safetensors")),
    "a config that is a pipe": _special(_pipe("config.json")),
    "an index that names files outside": _index({EMBEDDING: "../../../../etc/passwd"}),
    "an index that names numbers": _index({EMBEDDING: 3, "b": "x"}),
    "an index that is a list": _index([1]),
    "an index of missing files": _index({EMBEDDING: "model-00001-of-00002.safetensors"}),
    "a config that is no JSON": _with({"config.json": "{"}),
    "a config that is a list": _with({"config.json": "[]"}),
    "a config that is no text": _with({"config.json": b"\xff\xfe\x00"}),
    "a config nested 100,000 deep": _with({"config.json": '{"a":' + "[" * 100_000}),
    "a config of a gigabyte": _special(lambda f: _sparse(f / "config.json", 1 << 30)),
    "a config without an architecture": _config(architectures=None),
    "an architecture that is a number": _config(architectures=[5]),
    "architectures that are a text": _config(architectures="LlamaForCausalLM"),
    "an architecture nobody knows": _config(architectures=["__import__"]),
    "an encoder-decoder": _config(
        architectures=["T5ForConditionalGeneration"], is_encoder_decoder=True
    ),
    "more embeddings than weights": _config(vocab_size=10**12),
    "a hundred million layers": _config(num_hidden_layers=10**8),
    "no attention heads": _config(num_attention_heads=0),
    "vectors of a trillion numbers": _config(hidden_size=10**12),
    "vectors of fewer than no numbers": _config(hidden_size=-4),
    "more layers than weights, further in": _config(text_config={"num_hidden_layers": 2}),
    "attention that is a program on the hub": _config(attn_implementation="evil/kernel"),
    "the same by another name": _config(_attn_implementation="evil/kernel@main:run"),
    "the same, further in": _config(text_config={"attn_implementation": "evil/kernel"}),
    "the same, part by part": _config(attn_implementation={"text_config": "evil/kernel"}),
    "the same, for sentence-transformers": _with({
        "sentence_bert_config.json": '{"model_args": {"attn_implementation": "evil/kernel"}}'
    }),
    "attention that is a number": _config(attn_implementation=3),
    "a tokenizer without a field": _with({
        "tokenizer.json": json.dumps(TOKENIZER | {"added_tokens": [{"id": 0, "content": "<s>"}]})
    }),
    "a tokenizer without its words": _with({"tokenizer.json": '{"model": {"type": "BPE"}}'}),
    "no tokenizer": _with({"tokenizer.json": None}),
    "a tokenizer of 20 gigabytes": _special(lambda f: _sparse(f / "tokenizer.json", 20 << 30)),
    "a tokenizer that is no JSON": _with({"tokenizer.json": "{"}),
    "a tokenizer that is a list": _with({"tokenizer.json": "[]"}),
    "a tokenizer nested 100,000 deep": _with({"tokenizer.json": '{"model":' + "[" * 100_000}),
    "a tokenizer of another model": _with({
        "tokenizer.json": _tokenizer({f"w{n}": n for n in range(50)})
    }),
    "a tokenizer with negative numbers": _with({
        "tokenizer.json": _tokenizer({"a": -1})
    }),
    "a chat template that is no template": _with({"chat_template.jinja": "{% for m in list %}"}),
    "a chat template of 100 megabytes": _special(
        lambda f: _sparse(f / "chat_template.jinja", 100 << 20)
    ),
    "a chat template that is no text": _with({"chat_template.jinja": b"\xff\xfe"}),
    "chat templates that are numbers": _with({
        "tokenizer_config.json": json.dumps({"chat_template": [1, 2]})
    }),
    "modules outside the checkpoint": _with({
        "modules.json": json.dumps([{"idx": 0, "path": "../..", "type": "x.Transformer"}])
    }),
    "modules that are numbers": _with({"modules.json": "[1, 2]"}),
    "modules that are a text": _with({"modules.json": '"abc"'}),
    "modules that run code": _with({
        "modules.json": json.dumps([{"idx": 0, "path": "", "type": "own.Module"}]),
        "own.py": "open('owned', 'w').close()\n",
    }),
    "an adapter without weights": _with({"adapter_config.json": json.dumps(ADAPTER)}),
    "an adapter without a base": _with({
        "adapter_config.json": '{"peft_type": "LORA"}', "adapter_model.safetensors": WEIGHTS
    }),
    "an adapter whose base is a number": _with({
        "adapter_config.json": '{"base_model_name_or_path": 7}',
        "adapter_model.safetensors": WEIGHTS,
    }),
    "an adapter that is no JSON": _with({
        "adapter_config.json": "{", "adapter_model.safetensors": WEIGHTS
    }),
    "a GGUF file cut off": _gguf(b"GGUF\x03\0\0\0"),
    "a GGUF file of absurd sizes": _gguf(b"GGUF\x03\0\0\0" + b"\xff" * 64),
    "a GGUF file of noise": _gguf(b"GGUF" + bytes(range(256)) * 40),
}  # fmt: skip
