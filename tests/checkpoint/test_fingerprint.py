"""The fingerprint against its definition, and what is remembered."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.fingerprint import CHUNK, combined, file_digests
from evalsuite.errors import CheckpointError


def by_definition(folder: Path, names: list[str]) -> str:
    """The definition in the module's docstring, written out naively."""
    whole = b"evalsuite:folder:1\0"
    for name in sorted(names):
        content = (folder / name).read_bytes()
        leaves = b""
        for start in range(0, len(content), 64 * 1024 * 1024):
            leaves += hashlib.sha256(content[start : start + 64 * 1024 * 1024]).digest()
        file_digest = hashlib.sha256(len(content).to_bytes(8, "big") + leaves).digest()
        whole += name.encode() + b"\0" + file_digest
    return hashlib.sha256(whole).hexdigest()


@pytest.fixture
def settled(monkeypatch):
    """A clock a minute ahead: files look as if written long ago, so their hashes are remembered."""
    later = time.time_ns() + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)


def test_follows_definition_over_several_chunks(write_folder, write_weights, cache):
    folder = write_folder(
        "model",
        **{
            "tokenizer_config.json": {},
            "chat_template.jinja": "x",
            "modeling_x.py": "pass",
            "generation_config.json": {},
            "README.md": "not part",
            "trainer_state.json": {},
            "training_args.bin": "not part",
        },
    )
    write_weights(folder / "model.safetensors", bytes(CHUNK) + b"end" * 1000)
    covered = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "modeling_x.py",
    ]
    fingerprint = resolve(str(folder), cache=cache).fingerprint
    assert fingerprint == by_definition(folder, covered)


def test_covers_sentence_transformers_modules(write_folder, cache):
    module = {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}
    folder = write_folder(
        "st",
        {"architectures": ["BertModel"]},
        **{
            "modules.json": [
                {"type": "sentence_transformers.models.Transformer", "path": ""},
                module,
            ]
        },
        **{"1_Pooling__config.json": {"pooling_mode_mean_tokens": True}},
    )
    before = resolve(str(folder), cache=cache).fingerprint
    names = ["config.json", "model.safetensors", "tokenizer.json", "modules.json"]
    assert before == by_definition(folder, [*names, "1_Pooling/config.json"])


def test_covers_shards_and_their_index(write_folder, write_weights, cache):
    folder = write_folder(
        **{"model.safetensors.index.json": {"weight_map": {"a": "model-1.safetensors"}}}
    )
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    names = ["config.json", "model-1.safetensors", "model.safetensors.index.json"]
    fingerprint = resolve(str(folder), cache=cache).fingerprint
    assert fingerprint == by_definition(folder, [*names, "tokenizer.json"])


def test_one_byte_of_weights_changes_it(write_folder, write_weights, cache):
    folder = write_folder()
    before = resolve(str(folder), cache=cache).fingerprint
    write_weights(folder / "model.safetensors", b"\1\2\3\5")
    assert resolve(str(folder), cache=cache).fingerprint != before


@pytest.mark.parametrize("name", ["README.md", "optimizer.pt", "trainer_state.json"])
def test_other_files_do_not_change_it(write_folder, cache, name):
    folder = write_folder()
    before = resolve(str(folder), cache=cache).fingerprint
    (folder / name).write_text("changed")
    assert resolve(str(folder), cache=cache).fingerprint == before


def test_renaming_the_folder_does_not_change_it(write_folder, cache):
    folder = write_folder("first")
    before = resolve(str(folder), cache=cache).fingerprint
    moved = folder.rename(folder.with_name("second"))
    assert resolve(str(moved), cache=cache).fingerprint == before


@pytest.mark.usefixtures("settled")
def test_a_settled_file_is_read_once(tmp_path, cache):
    file = tmp_path / "weights"
    file.write_bytes(b"old!")
    file_digests(tmp_path, {"w": file}, cache)
    (memory,) = (cache / "fingerprints").iterdir()
    known = json.loads(memory.read_text())
    known["w"][-1] = "as remembered"
    memory.write_text(json.dumps(known))
    assert file_digests(tmp_path, {"w": file}, cache) == {"w": "as remembered"}


@pytest.mark.usefixtures("settled")
def test_a_change_that_keeps_size_and_mtime_is_seen(tmp_path, cache):
    """rsync and tar set a file's mtime back; the time of its last metadata change tells."""
    file = tmp_path / "weights"
    file.write_bytes(b"old!")
    before = file.stat()
    first = file_digests(tmp_path, {"w": file}, cache)
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # until the file clock ticks
        file.write_bytes(b"new!")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file_digests(tmp_path, {"w": file}, cache) != first


def test_a_file_written_just_now_is_not_remembered(tmp_path, cache):
    """Two writes within one tick of the file clock leave all time stamps the same."""
    file = tmp_path / "weights"
    file.write_bytes(b"old!")
    file_digests(tmp_path, {"w": file}, cache)
    assert not list(cache.rglob("*.json"))


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", ['{"files": [', '{"w": {"size": 7}}', '{"w": "abc"}', "[]"])
def test_a_broken_memory_is_hashed_anew(tmp_path, cache, damage):
    file = tmp_path / "weights"
    file.write_bytes(b"content")
    first = file_digests(tmp_path, {"w": file}, cache)
    (memory,) = (cache / "fingerprints").iterdir()
    memory.write_text(damage)
    assert file_digests(tmp_path, {"w": file}, cache) == first


@pytest.mark.usefixtures("settled")
def test_an_unwritable_cache_costs_only_time(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"content")
    blocked = tmp_path / "weights" / "cache"  # below a file: cannot be made
    leaf = hashlib.sha256(b"content").digest()
    expected = hashlib.sha256((7).to_bytes(8, "big") + leaf).hexdigest()
    assert file_digests(tmp_path, {"w": file}, blocked) == {"w": expected}


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, cache):
    """A copy that is still running: another thread goes on writing."""
    file = tmp_path / "weights"
    with file.open("wb") as stream:
        stream.truncate(2 * CHUNK)
    copied = threading.Event()

    def copy() -> None:
        with file.open("ab", buffering=0) as stream:
            while not copied.wait(0.001):
                stream.write(b"more")

    copy_thread = threading.Thread(target=copy)
    copy_thread.start()
    try:
        with pytest.raises(CheckpointError, match="still being written: it changed"):
            file_digests(tmp_path, {"w": file}, cache)
    finally:
        copied.set()
        copy_thread.join()


def test_combined_depends_on_order_and_form():
    one, two = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
    raw = b"evalsuite:adapter:1\0" + bytes.fromhex(one) + bytes.fromhex(two)
    assert combined("adapter:1", one, two) == hashlib.sha256(raw).hexdigest()
    assert combined("adapter:1", two, one) != combined("adapter:1", one, two)
