"""Adapters merged onto their base; folders that appear whole, once, or not at all."""

from __future__ import annotations

import json
import shutil
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import zoo_gguf
from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.checkpoint.fingerprint import combined
from evalsuite.checkpoint.materialise import dequantise, made_once
from evalsuite.errors import CheckpointError

IDS = [[1, 5, 9, 33, 60, 12]]


def make_adapter(base: Path, folder: Path, body: bool = False, named: str | None = None) -> Path:
    """A LoRA with random weights in both factors, saved by peft."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel, AutoModelForCausalLM

    torch.manual_seed(1)
    loader = AutoModel if body else AutoModelForCausalLM
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"])
    model = get_peft_model(loader.from_pretrained(base), config, revision="main")
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    stored = json.loads((folder / "adapter_config.json").read_text())
    stored["base_model_name_or_path"] = named or str(base)
    (folder / "adapter_config.json").write_text(json.dumps(stored))
    return folder


def own_forward(base: Path, adapter: Path, body: bool = False):
    """What peft's unmerged model gives: the reference."""
    import torch
    from peft import PeftModel
    from transformers import AutoModel, AutoModelForCausalLM

    model = (AutoModel if body else AutoModelForCausalLM).from_pretrained(base)
    adapted = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        return adapted(input_ids=torch.tensor(IDS))[0]


@pytest.mark.parametrize("body", [False, True])
def test_merged_equals_the_adapted_models_own_forward(tiny_llama, tmp_path, cache, body):
    """Also for an adapter trained on the model's body alone, as embedding trainers do."""
    import torch
    from transformers import AutoModel, AutoModelForCausalLM

    adapter = make_adapter(tiny_llama, tmp_path / "adapter", body)
    checkpoint = resolve(str(adapter), cache=cache)
    loader = AutoModel if body else AutoModelForCausalLM
    merged = loader.from_pretrained(checkpoint.path).eval()
    plain = loader.from_pretrained(tiny_llama).eval()
    with torch.no_grad():
        got, without = (model(input_ids=torch.tensor(IDS))[0] for model in (merged, plain))
    expected = own_forward(tiny_llama, adapter, body)
    assert torch.allclose(got, expected, atol=1e-5)
    assert not torch.allclose(without, expected, atol=1e-2), "the adapter must matter"
    assert checkpoint.kind == "causal"


def test_an_adapter_with_more_tokens_than_its_base(tiny_llama, tmp_path, cache):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    model.resize_token_embeddings(66)
    trained = ["embed_tokens", "lm_head"]
    lora = LoraConfig(r=2, target_modules=["v_proj"], modules_to_save=trained)
    adapted = get_peft_model(model, lora).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    options = CheckpointOptions(base=str(tiny_llama))
    checkpoint = resolve(str(tmp_path / "adapter"), options, cache=cache)
    merged = AutoModelForCausalLM.from_pretrained(checkpoint.path).eval()
    ids = torch.tensor([[1, 64, 5, 65]])
    with torch.no_grad():
        got, expected = merged(input_ids=ids).logits, adapted(input_ids=ids).logits
    assert got.shape == (1, 4, 66)
    assert torch.allclose(got, expected, atol=1e-5)


def test_merged_folder_is_complete(tiny_llama, tmp_path, cache):
    adapter = make_adapter(tiny_llama, tmp_path / "adapter")
    checkpoint = resolve(str(adapter), cache=cache)
    assert checkpoint.name == "adapter"
    assert checkpoint.base == str(tiny_llama)
    assert checkpoint.chat is not None
    assert checkpoint.chat.template == (tiny_llama / "chat_template.jinja").read_text()
    merged = checkpoint.path
    assert (merged / "tokenizer.json").read_bytes() == (tiny_llama / "tokenizer.json").read_bytes()
    assert not (merged / "adapter_config.json").exists()
    config = json.loads((merged / "config.json").read_text())
    assert config["dtype"] == "float32", "the base's dtype"
    assert merged.parent == cache / "checkpoints"


def test_fingerprint_covers_base_and_adapter(tiny_llama, tmp_path, cache):
    base = shutil.copytree(tiny_llama, tmp_path / "base")
    adapter = make_adapter(base, tmp_path / "adapter")
    options = CheckpointOptions(base=str(base))
    first = resolve(str(adapter), options, cache=cache).fingerprint
    (adapter / "README.md").write_text("changed")
    assert resolve(str(adapter), options, cache=cache).fingerprint == first
    config = base / "generation_config.json"
    config.write_text(config.read_text() + "\n")
    other_base = resolve(str(adapter), options, cache=cache)
    assert other_base.fingerprint != first
    # From outside: the adapter's own part is what a folder of the same files would have.
    base_print = resolve(str(base), cache=cache).fingerprint
    from evalsuite.checkpoint.fingerprint import folder_fingerprint

    own = [adapter / "adapter_config.json", adapter / "adapter_model.safetensors"]
    own_print = folder_fingerprint(adapter, own, cache)
    assert other_base.fingerprint == combined("adapter:1", base_print, own_print)


def test_the_adapters_tokenizer_wins(tiny_llama, tmp_path, cache):
    adapter = make_adapter(tiny_llama, tmp_path / "adapter")
    tokenizer = (tiny_llama / "tokenizer.json").read_text() + "\n"
    (adapter / "tokenizer.json").write_text(tokenizer)
    (adapter / "chat_template.jinja").write_text("<|embed|>")
    checkpoint = resolve(str(adapter), cache=cache)
    assert (checkpoint.path / "tokenizer.json").read_text() == tokenizer
    assert not (checkpoint.path / "tokenizer_config.json").exists(), "the base's is not mixed in"
    assert checkpoint.kind == "grit"


def test_wrong_base_is_refused(tiny_llama, tmp_path, cache):
    """peft itself only warns, and would evaluate the base as if it were the adapter."""
    from transformers import GPT2Config, GPT2LMHeadModel

    adapter = make_adapter(tiny_llama, tmp_path / "adapter")
    other = tmp_path / "gpt2"
    config = GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=64)
    GPT2LMHeadModel(config).save_pretrained(other)
    with pytest.raises(CheckpointError, match=r"does not fit the base .* has no .*--base PATH"):
        resolve(str(adapter), CheckpointOptions(base=str(other)), cache=cache)
    assert not [p for p in (cache / "checkpoints").iterdir() if p.is_dir()], "left-overs"


def write_adapter(folder: Path, write_weights, base: str | None) -> Path:
    folder.mkdir()
    stored = {"peft_type": "LORA", "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(stored))
    write_weights(folder / "adapter_model.safetensors")
    return folder


def test_base_not_reachable(tmp_path, cache, write_weights):
    gone = str(tmp_path / "gone" / "base")
    adapter = write_adapter(tmp_path / "a", write_weights, gone)
    with pytest.raises(CheckpointError, match=r"the base .*gone/base.* of the adapter .*--base PA"):
        resolve(str(adapter), cache=cache)


def test_base_not_named(tmp_path, cache, write_weights):
    adapter = write_adapter(tmp_path / "a", write_weights, None)
    with pytest.raises(CheckpointError, match=r"does not say which base.*--base PATH"):
        resolve(str(adapter), cache=cache)


def test_base_that_is_an_adapter(tmp_path, cache, write_weights):
    first = write_adapter(tmp_path / "a", write_weights, "x")
    second = write_adapter(tmp_path / "b", write_weights, str(first))
    with pytest.raises(CheckpointError, match="is itself an adapter; merge it first"):
        resolve(str(second), cache=cache)


def test_adapter_without_weights(tmp_path, cache, write_weights):
    adapter = write_adapter(tmp_path / "a", write_weights, "x")
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no weights \(no adapter_model.safetensors\)"):
        resolve(str(adapter), cache=cache)
    (adapter / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(CheckpointError, match=r"only pickle weights.*--allow-pickle"):
        resolve(str(adapter), cache=cache)


def test_gguf_that_cannot_be_read(tmp_path, cache):
    file = tmp_path / "broken.gguf"
    for version, says in ((3, "could not be converted"), (7, "is cut off, or no GGUF file")):
        file.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, 0))
        with pytest.raises(CheckpointError, match=rf"broken\.gguf {says}"):
            resolve(str(file), cache=cache)
    assert not [p for p in (cache / "checkpoints").iterdir() if p.is_dir()], "left-overs"


def test_two_at_once_make_it_once(cache):
    calls = []
    both = threading.Barrier(2)

    def make(into: Path) -> None:
        calls.append(into)
        (into / "file").write_text("content")

    def ask(_: int) -> Path:
        both.wait()
        return made_once(cache, "f" * 64, make)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, range(2))
    assert first == second == cache / "checkpoints" / ("f" * 64)
    assert len(calls) == 1
    assert (first / "file").read_text() == "content"


def test_a_failure_leaves_nothing_behind(cache):
    def half(into: Path) -> None:
        (into / "half").write_text("…")
        raise CheckpointError("stopped")

    with pytest.raises(CheckpointError, match="stopped"):
        made_once(cache, "a" * 64, half)
    assert not [p for p in (cache / "checkpoints").iterdir() if p.is_dir()]


def test_left_overs_of_a_killed_run_are_removed(cache):
    left_over = cache / "checkpoints" / f".{'b' * 64}.123"
    left_over.mkdir(parents=True)
    made_once(cache, "b" * 64, lambda into: None)
    assert not left_over.exists()


def test_cache_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CheckpointError, match="EVALSUITE_CACHE"):
        made_once(blocked, "c" * 64, lambda into: None)


def test_a_gguf_file_is_never_asked_about_at_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    zoo_gguf.written(zoo_gguf.File())(tmp_path / "file")
    asked: list[Any] = []

    def watched(original: Any) -> Any:
        def load(*args: Any, **options: Any) -> Any:
            if "gguf_file" in options:
                asked.append(options["trust_remote_code"])
            return original(*args, **options)

        return load

    loaders = (transformers.AutoTokenizer, transformers.AutoConfig)
    for loader in (*loaders, transformers.AutoModelForCausalLM):
        monkeypatch.setattr(loader, "from_pretrained", watched(loader.from_pretrained))
    (tmp_path / "into").mkdir()
    dequantise(tmp_path / "file" / "m.gguf", tmp_path / "into")
    assert len(asked) >= 3
    assert not any(asked)
