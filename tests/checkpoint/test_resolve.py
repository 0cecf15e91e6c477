"""The whole way, and that it is light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.paths import cache_dir

HEAVY = ("torch", "transformers", "numpy", "peft", "huggingface_hub", "datasets", "gguf")


def modules_after(code: str) -> set[str]:
    """Heavy modules that a fresh interpreter holds after running ``code``."""
    report = (
        f"{code}\nimport sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_importing_the_room_is_light():
    assert modules_after("import evalsuite.checkpoint") == set()


def test_resolving_a_folder_again_is_light(cache):
    """Once its tokenizer has been compared with what transformers loads."""
    resolve("demo:minilm", cache=cache)
    code = (
        "from pathlib import Path\nfrom evalsuite.checkpoint import resolve\n"
        f"resolve('demo:minilm', cache=Path({str(cache)!r}))"
    )
    assert modules_after(code) == set()


def test_demo_minilm(cache):
    checkpoint = resolve("demo:minilm", cache=cache)
    assert checkpoint.name == "minilm"
    assert checkpoint.kind == "sentence-transformers"
    assert checkpoint.embedding is not None
    assert checkpoint.embedding.engine == "sentence-transformers"
    assert checkpoint.chat is None
    assert checkpoint.max_positions == 512
    assert checkpoint.ref.source == "demo:minilm"
    assert len(checkpoint.fingerprint) == 64


def test_tiny_llama_loads_from_its_path(tiny_llama: Path, cache):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    checkpoint = resolve(str(tiny_llama), cache=cache)
    assert (checkpoint.kind, checkpoint.name) == ("causal", "tiny-llama")
    assert checkpoint.path == tiny_llama
    assert checkpoint.max_positions == 128
    assert checkpoint.embedding is not None
    assert checkpoint.embedding.max_length == 128
    assert AutoModelForCausalLM.from_pretrained(checkpoint.path).config.num_hidden_layers == 2
    assert AutoTokenizer.from_pretrained(checkpoint.path)("w0 w1").input_ids == [3, 4]


def test_cache_folder_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "mine"))
    assert cache_dir() == tmp_path / "mine"
    monkeypatch.delenv("EVALSUITE_CACHE")
    assert cache_dir().name == "evalsuite"
