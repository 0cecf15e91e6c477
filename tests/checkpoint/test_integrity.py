"""Checkpoints that are incomplete, cut off or unsafe are refused with that reason."""

from __future__ import annotations

import json
import struct

import pytest

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.checkpoint.integrity import read_header
from evalsuite.errors import CheckpointError, ExitCode


def refusal(folder, cache, **options) -> str:
    with pytest.raises(CheckpointError) as caught:
        resolve(str(folder), CheckpointOptions(**options), cache=cache)
    assert caught.value.exit_code == ExitCode.CHECKPOINT
    assert "\n" not in caught.value.line
    return caught.value.line


def shard_names(count: int) -> list[str]:
    return [f"model-{i:05}-of-{count:05}.safetensors" for i in range(1, count + 1)]


def test_missing_shards_are_counted_and_named(write_folder, write_weights, cache):
    names = shard_names(3)
    index = {"weight_map": {str(i): name for i, name in enumerate(names)}}
    folder = write_folder(**{"model.safetensors.index.json": index})
    (folder / "model.safetensors").unlink()
    write_weights(folder / names[0])
    line = refusal(folder, cache)
    assert "still being written or incomplete: 2 of 3 shards are missing" in line
    assert names[1] in line
    assert names[2] in line
    assert "wait until it is complete" in line
    for name in names[1:]:
        write_weights(folder / name)
    assert resolve(str(folder), cache=cache).kind == "causal"


def test_shards_before_their_index(write_folder, write_weights, cache):
    folder = write_folder()
    (folder / "model.safetensors").rename(folder / shard_names(3)[0])
    line = refusal(folder, cache)
    assert "1 of 3 shards are there" in line
    assert "model.safetensors.index.json is missing" in line


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_cut_off_weights(write_folder, cache, keep):
    weights = write_folder() / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    assert "model.safetensors is still being written or cut off" in refusal(weights.parent, cache)


def test_cut_off_shard(write_folder, write_weights, cache):
    names = shard_names(2)
    index = {"weight_map": dict(enumerate(names))}
    folder = write_folder(**{"model.safetensors.index.json": index})
    (folder / "model.safetensors").unlink()
    write_weights(folder / names[0])
    write_weights(folder / names[1]).write_bytes(b"")
    assert f"{names[1]} is still being written or cut off" in refusal(folder, cache)


def test_not_safetensors(write_folder, cache):
    weights = write_folder() / "model.safetensors"
    weights.write_bytes(struct.pack("<Q", 4) + b"!!!!")
    assert "not a safetensors file" in refusal(weights.parent, cache)


def test_lfs_pointer(write_folder, cache):
    weights = write_folder() / "model.safetensors"
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    line = refusal(weights.parent, cache)
    assert "Git LFS pointer" in line
    assert "git lfs pull" in line


def test_header_agrees_with_the_safetensors_library(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    file = tmp_path / "x.safetensors"
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros(5, np.int8)}, file)
    assert {name: tuple(entry["shape"]) for name, entry in read_header(file).items()} == {
        "a": (2, 3),
        "b": (5,),
    }


def test_no_weights(write_folder, cache):
    folder = write_folder()
    (folder / "model.safetensors").unlink()
    (folder / "optimizer.pt").write_bytes(b"state")
    assert "has no weights (no model.safetensors)" in refusal(folder, cache)


def test_pickle_needs_permission(write_folder, cache):
    folder = write_folder(**{"pytorch_model.bin": "pickle"})
    (folder / "model.safetensors").unlink()
    line = refusal(folder, cache)
    assert "only pickle weights (pytorch_model.bin), which can run code when loaded" in line
    assert "convert to safetensors or pass --allow-pickle" in line
    allowed = resolve(str(folder), CheckpointOptions(allow_pickle=True), cache=cache)
    (folder / "pytorch_model.bin").write_text("other!")
    changed = resolve(str(folder), CheckpointOptions(allow_pickle=True), cache=cache)
    assert changed.fingerprint != allowed.fingerprint


def test_pickle_beside_safetensors_is_ignored(write_folder, cache):
    folder = write_folder()
    before = resolve(str(folder), cache=cache).fingerprint
    (folder / "pytorch_model.bin").write_text("pickle")
    assert resolve(str(folder), cache=cache).fingerprint == before


def test_pickle_forms_that_do_not_load(write_folder, cache):
    folder = write_folder(**{"consolidated.00.pth": "pickle"})
    (folder / "model.safetensors").unlink()
    assert "does not load" in refusal(folder, cache, allow_pickle=True)


def test_empty_pickle(write_folder, cache):
    folder = write_folder(**{"pytorch_model.bin": ""})
    (folder / "model.safetensors").unlink()
    assert "still being written" in refusal(folder, cache, allow_pickle=True)


def test_pickle_in_a_sentence_transformers_module(write_folder, cache):
    modules = [
        {"type": "T", "path": ""},
        {"type": "sentence_transformers.models.Dense", "path": "2_Dense"},
    ]
    folder = write_folder(**{"modules.json": modules, "2_Dense__pytorch_model.bin": "pickle"})
    assert "2_Dense has only pickle weights" in refusal(folder, cache)


def test_missing_module_folder(write_folder, cache):
    modules = [{"type": "T", "path": ""}, {"type": "…models.Pooling", "path": "1_Pooling"}]
    folder = write_folder(**{"modules.json": modules})
    line = refusal(folder, cache)
    assert "incomplete: modules.json names 1_Pooling, which is missing" in line


def test_module_folder_outside(write_folder, cache):
    folder = write_folder(**{"modules.json": [{"type": "T", "path": "../other"}]})
    assert "outside the checkpoint" in refusal(folder, cache)


@pytest.mark.parametrize("content", ['{"architectures": [', "[1]"])
def test_half_written_config(write_folder, cache, content):
    folder = write_folder(**{"config.json": content})
    assert "config.json" in refusal(folder, cache)


def test_no_tokenizer(write_folder, cache):
    folder = write_folder(**{"tokenizer_config.json": json.dumps({"chat_template": "x"})})
    (folder / "tokenizer.json").unlink()
    line = refusal(folder, cache)
    assert "has no tokenizer (no tokenizer.json" in line
    assert "copy the tokenizer files" in line
