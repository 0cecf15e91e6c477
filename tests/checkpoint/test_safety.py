"""Checkpoints that ask for code, or whose parts do not fit together."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.errors import CheckpointError

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 8}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    write(made, CONFIG, rows=8, words=8)
    return made


def write(folder: Path, config: dict[str, Any], rows: int, words: int, added: int = 0) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    tensor = {"dtype": "F32", "shape": [rows, 2], "data_offsets": [0, rows * 8]}
    header = json.dumps({"model.embed_tokens.weight": tensor}).encode()
    body = struct.pack("<Q", len(header)) + header + bytes(rows * 8)
    (folder / "model.safetensors").write_bytes(body)
    model = {"type": "WordLevel", "vocab": {f"w{n}": n for n in range(words)}, "unk_token": "w0"}
    vocabulary = {"model": model}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokens = [
        {"id": words + n, "content": f"<{n}>", "special": True, **flags} for n in range(added)
    ]
    (folder / "tokenizer.json").write_text(json.dumps({**vocabulary, "added_tokens": tokens}))


def refused(folder: Path, cache: Path, **options: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        resolve(str(folder), CheckpointOptions(**options), cache=cache)
    return caught.value.advice


def test_parts_that_fit(folder: Path, cache: Path) -> None:
    assert resolve(str(folder), cache=cache).kind == "causal"
    # A padding token behind the vocabulary is never fed; fewer words than rows are usual.
    write(folder, CONFIG, rows=8, words=8, added=2)
    assert resolve(str(folder), cache=cache).kind == "causal"
    write(folder, CONFIG, rows=8, words=5)
    assert resolve(str(folder), cache=cache).kind == "causal"


def test_a_tokenizer_with_more_words_than_embeddings(folder: Path, cache: Path) -> None:
    write(folder, CONFIG, rows=8, words=9)
    assert "goes up to token 8, but there are 8 embeddings; copy the tokenizer" in refused(
        folder, cache
    )


def test_a_config_of_another_size(folder: Path, cache: Path) -> None:
    write(folder, CONFIG | {"vocab_size": 9}, rows=8, words=8)
    assert "config.json says 9 tokens, but there are 8 embeddings" in refused(folder, cache)


def test_a_model_type_that_is_its_own(folder: Path, cache: Path) -> None:
    own = CONFIG | {"model_type": "own"}
    write(folder, own, rows=8, words=8)
    assert "does not know; correct 'model_type'" in refused(folder, cache)
    write(folder, own | {"auto_map": {"AutoConfig": "own.Config"}}, rows=8, words=8)
    assert "brings its own code; read its code, and pass --trust-remote-code" in refused(
        folder, cache
    )
    trusting = CheckpointOptions(trust_remote_code=True)
    assert resolve(str(folder), trusting, cache=cache).trust_remote_code


def test_own_code_beside_a_known_model_is_not_needed(folder: Path, cache: Path) -> None:
    """GRIT checkpoints bring modelling code that transformers' own replaces."""
    brought = {"auto_map": {"AutoModelForCausalLM": "modeling_gritlm7b.MistralForCausalLM"}}
    write(folder, CONFIG | brought, rows=8, words=8)
    assert not resolve(str(folder), cache=cache).trust_remote_code


@pytest.mark.parametrize("code", ["modeling_gritlm7b.MistralModel", "modeling_gritlm8x7b.M"])
def test_the_code_of_gritlm_is_refused_since_it_does_not_run(
    folder: Path, cache: Path, code: str
) -> None:
    write(folder, CONFIG | {"auto_map": {"AutoModel": code}}, rows=8, words=8)
    trusting = CheckpointOptions(trust_remote_code=True)
    with pytest.raises(CheckpointError, match=r"GritLM's own code.*; leave --trust-remote"):
        resolve(str(folder), trusting, cache=cache)
    assert resolve(str(folder), cache=cache).kind == "grit"


@pytest.mark.parametrize("name", ["own.Module", "os.system", None, 3])
def test_modules_that_sentence_transformers_does_not_have(
    folder: Path, cache: Path, name: object
) -> None:
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": name}]))
    assert f"brings its own module {name!r}; read its code" in refused(folder, cache)


def test_routes_to_modules_of_its_own(folder: Path, cache: Path) -> None:
    modules = [{"path": "", "type": "sentence_transformers.models.Router"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "router_config.json").write_text(json.dumps({"types": {"query": "own.Module"}}))
    assert "brings its own module 'own.Module'" in refused(folder, cache)


@pytest.mark.parametrize(
    "change",
    [
        {"attn_implementation": "evil/kernel"},
        {"_attn_implementation_internal": "evil/kernel"},
        {"text_config": {"_attn_implementation": "evil/kernel"}},
        {"attn_implementation": {"": "eager", "text_config": "evil/kernel"}},
        {"towers": [{"attn_implementation": "evil/kernel"}]},
    ],
)
def test_attention_that_is_code_from_the_hub(
    folder: Path, cache: Path, change: dict[str, Any]
) -> None:
    write(folder, CONFIG | change, rows=8, words=8)
    line = refused(folder, cache)
    assert "attention that transformers does not bring: 'evil/kernel'; read its code" in line
    trusting = CheckpointOptions(trust_remote_code=True)
    assert resolve(str(folder), trusting, cache=cache).kind == "causal"


@pytest.mark.parametrize("name", [None, "eager", "sdpa", "flash_attention_2", "paged|eager"])
def test_attention_that_transformers_brings(folder: Path, cache: Path, name: str | None) -> None:
    write(folder, CONFIG | {"attn_implementation": name}, rows=8, words=8)
    assert resolve(str(folder), cache=cache).kind == "causal"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"num_attention_heads": 0}, "says num_attention_heads is 0"),
        ({"hidden_size": 10**12}, "vectors of 1,000,000,000,000 numbers, but the embeddings have"),
        ({"text_config": {"hidden_size": 3}}, "vectors of 3 numbers, but the embeddings have 2"),
    ],
)
def test_sizes_that_do_not_fit(
    folder: Path, cache: Path, change: dict[str, Any], says: str
) -> None:
    write(folder, CONFIG | change, rows=8, words=8)
    assert says in refused(folder, cache)


def test_layers_that_have_no_weights(tiny_llama: Path, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_llama, folder)
    config = json.loads((folder / "config.json").read_text())
    for stated in (1, 2):  # fewer is how a model is cut
        (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": stated}))
        assert resolve(str(folder), cache=cache).kind == "causal"
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**8}))
    assert "says 100,000,000 layers, but there are weights of 2; copy" in refused(folder, cache)


def test_a_tokenizer_that_is_none(folder: Path, cache: Path) -> None:
    (folder / "tokenizer.json").write_text('{"model": {"type": "BPE"}}')
    assert "is not a tokenizer: Missing vocab/merges" in refused(folder, cache)
