"""The demo GGUF and the real adapters: converted, merged, and remembered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.checkpoint import Checkpoint, CheckpointOptions, resolve

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def smollm2(cache: Path) -> Checkpoint:
    return resolve("demo:smollm2", cache=cache)


def answer(checkpoint: Checkpoint) -> str:
    """A greedy answer through the saved chat template, loaded as anyone would."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)
    model = AutoModelForCausalLM.from_pretrained(checkpoint.path)
    assert model.dtype == torch.bfloat16
    assert not hasattr(model.config, "quantization_config")
    question = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(
        question, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = model.generate(**ids, max_new_tokens=12, do_sample=False)
    return str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def test_demo_smollm2_answers(smollm2: Checkpoint):
    assert (smollm2.name, smollm2.kind, smollm2.max_positions) == ("smollm2", "causal", 8192)
    assert "Paris" in answer(smollm2)


def test_its_tokenizer_survives(smollm2: Checkpoint):
    from transformers import AutoTokenizer

    from evalsuite.checkpoint.sources import locate

    gguf = locate("demo:smollm2").path
    original = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    saved = AutoTokenizer.from_pretrained(smollm2.path)
    text = "Two  spaces\n\n<|im_start|>user\n\tdef f(): 1234 é 漢字 🙂<|im_end|>"
    ids = saved(text).input_ids
    assert ids == original(text).input_ids
    assert saved.decode(ids) == text
    assert ids[0] != saved.bos_token_id, "this tokenizer adds no BOS"
    assert smollm2.chat is not None
    assert smollm2.chat.template == original.chat_template == saved.chat_template


def test_second_resolve_is_fast_and_light(smollm2: Checkpoint, cache: Path):
    code = (
        "import json, sys, time\nfrom pathlib import Path\n"
        "from evalsuite.checkpoint import resolve\nbegun = time.perf_counter()\n"
        f"found = resolve('demo:smollm2', cache=Path({str(cache)!r}))\n"
        "print(json.dumps([found.fingerprint, time.perf_counter() - begun,"
        " [m for m in ('torch', 'transformers', 'numpy') if m in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fingerprint, seconds, heavy = json.loads(done.stdout)
    assert fingerprint == smollm2.fingerprint
    assert seconds < 0.5
    assert heavy == []


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["smollm2-grit-unified", "smollm2-grit-emb"])
def test_real_adapters_merge(smollm2: Checkpoint, cache: Path, shared_data: Path, name: str):
    """Merged weights against ``W + (alpha / r) B A`` in float32, rounded to bfloat16."""
    import torch
    from safetensors.torch import load_file

    adapter = shared_data / "checkpoints" / name
    merged = resolve(str(adapter), CheckpointOptions(base="demo:smollm2"), cache=cache)
    assert (merged.kind, merged.name, merged.base) == ("causal", name, "demo:smollm2")
    before = load_file(smollm2.path / "model.safetensors")
    after = load_file(merged.path / "model.safetensors")
    factors = load_file(adapter / "adapter_model.safetensors")
    adapted = {
        key.removeprefix("base_model.model.").replace(".lora_A", "")
        for key in factors
        if ".lora_A." in key
    }
    assert len(adapted) == 18 * 7, "layers 12 to 29, seven projections each"
    assert before.keys() == after.keys()
    for key, weight in before.items():
        if key not in adapted:
            assert torch.equal(weight, after[key]), key
            continue
        stem = f"base_model.model.{key.removesuffix('.weight')}"
        down, up = (factors[f"{stem}.lora_{side}.weight"].float() for side in "AB")
        expected = weight.float() + 32 / 16 * up @ down
        # One rounding to bfloat16 of the product, one of the sum: 2⁻⁸ of each.
        assert torch.allclose(after[key].float(), expected, rtol=2**-7, atol=1e-4), key
    if name.endswith("unified"):
        assert "Paris" in answer(merged)


@pytest.mark.realdata
def test_missing_hub_base_points_to_the_demo(shared_data: Path, tmp_path: Path):
    import os

    adapter = shared_data / "checkpoints" / "smollm2-grit-emb"
    code = (
        "from evalsuite.checkpoint import resolve\n"
        "from evalsuite.errors import CheckpointError\n"
        f"try: resolve({str(adapter)!r})\n"
        "except CheckpointError as error: raise SystemExit(error.line)\n"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert "HuggingFaceTB/SmolLM2-135M-Instruct" in done.stderr
    assert "pass --base demo:smollm2" in done.stderr
