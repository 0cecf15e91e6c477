"""Which engine embeds: what is chosen by itself, what is refused, and what vLLM is told."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from evalsuite.engines import choice
from evalsuite.engines.choice import (
    generator_engine,
    why_not_unified,
    why_not_vllm,
    with_encoder_engine,
)
from evalsuite.engines.load import load_encoder
from evalsuite.engines.vllm.plugin import ARCHITECTURES, register
from evalsuite.errors import UsageError
from helpers.tiny_encoders import checkpoint, save_model

PREFIX = "<|user|>\nFind it\n<|embed|>\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = ("llama", "qwen2", "gpt2", "bert")
    return {name: save_model(tmp_path_factory.mktemp(name), name) for name in names}


def engine_of(path: Path, asked: Any, device: Any, **protocol: Any) -> str:
    found = with_encoder_engine(checkpoint(path, **protocol), asked, device).embedding
    assert found is not None
    return found.engine


def test_vllm_embeds_by_itself_on_a_gpu_only(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = [True]
    monkeypatch.setattr(choice, "vllm_is_for_gpus", lambda: installed[0])
    llama = models["llama"]
    assert engine_of(llama, "auto", "cuda") == "vllm"
    assert engine_of(llama, "auto", "cpu") == "transformers"
    assert engine_of(llama, "transformers", "cuda") == "transformers"
    assert engine_of(llama, "vllm", "cpu") == "vllm"
    installed[0] = False
    assert engine_of(llama, "auto", "cuda") == "transformers"


CANNOT: dict[str, tuple[str, dict[str, Any], str]] = {
    "an encoder": ("bert", {"attention": None}, "it is an encoder, and vLLM embeds with causal"),
    "another family": ("gpt2", {}, "GPT2Model is not one of LlamaForCausalLM, "),
    "its own pooling": (
        "llama",
        {"engine": "sentence-transformers", "pooling": "model"},
        "a sentence-transformers model brings its own pooling",
    ),
    "windows in some layers": (
        "qwen2",
        {"attention": "causal"},
        "some of its layers see through a window",
    ),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_vllm_cannot_embed_with(
    models: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "vllm_is_for_gpus", lambda: True)
    family, protocol, reason = CANNOT[name]
    own = protocol.get("engine", "transformers")
    assert engine_of(models[family], "auto", "cuda", **protocol) == own
    with pytest.raises(UsageError) as caught:
        engine_of(models[family], "vllm", "cpu", **protocol)
    assert caught.value.line.startswith(f"--engine vllm cannot embed with tiny: {reason}")
    assert caught.value.line.endswith("; leave --engine out, or pass --engine transformers")


def test_a_window_does_not_matter_where_attention_is_bidirectional(
    models: dict[str, Path],
) -> None:
    assert why_not_vllm(checkpoint(models["qwen2"])) is None


def test_code_of_the_checkpoints_own_is_not_passed_over(tmp_path: Path) -> None:
    path = save_model(tmp_path, "llama", auto_map={"AutoModel": "modeling.Model"})
    which = checkpoint(path)
    assert why_not_vllm(which) is None
    trusted = which.model_copy(update={"trust_remote_code": True})
    assert "which vLLM would not run" in (why_not_vllm(trusted) or "")


def test_vllm_generates_unless_transformers_is_asked_for() -> None:
    assert generator_engine("auto") == generator_engine("vllm") == "vllm"
    assert generator_engine("transformers") == "transformers"


def test_a_run_with_vllm_can_still_cache_with_transformers(models: dict[str, Path]) -> None:
    assert why_not_unified(checkpoint(models["llama"], engine="vllm")) is None


def test_vllm_is_given_the_tokens_that_transformers_is_given(models: dict[str, Path]) -> None:
    """Without weights: nothing of vLLM is imported."""
    texts = ["a cat", "", "<s>a literal BOS", "x" * 100]
    for protocol in ({}, {"pooling": "last"}, {"max_length": 8}):
        ours, theirs = (
            load_encoder(checkpoint(models["llama"], engine=engine, **protocol), weights=False)
            for engine in ("vllm", "transformers")
        )
        for text in texts:
            for prefix in (PREFIX, ""):
                assert ours.render(text, prefix) == theirs.render(text, prefix)


def test_the_plugin_is_an_entry_point() -> None:
    found = {point.name: point for point in entry_points(group="vllm.general_plugins")}
    assert found["evalsuite"].load() is register


def test_each_family_has_a_class() -> None:
    source = (Path(choice.__file__).parent / "vllm" / "models.py").read_text()
    for name in ARCHITECTURES.values():
        assert f"class {name}(" in source
