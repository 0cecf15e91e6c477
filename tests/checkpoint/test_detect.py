"""The detection table: files → kind, evidence and what it cannot do."""

from __future__ import annotations

import pytest

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.errors import CheckpointError
from helpers.st_folder import ROOT_MODULE

LLAMA = {"architectures": ["LlamaForCausalLM"], "num_key_value_heads": 2}
MISTRAL_BODY = {"architectures": ["MistralModel"], "num_key_value_heads": 8}
BERT = {"architectures": ["BertModel"]}
GRIT_CODE = {**LLAMA, "auto_map": {"AutoModelForCausalLM": "modeling_gritlm7b.X"}}
EMBED_TEMPLATE = {"chat_template.jinja": "<|user|>\n…<|embed|>\n"}
EMBED_TOKEN = {
    "tokenizer.json": '{"model": {"type": "WordLevel", "vocab": {"a": 0, "<|embed|>": 1}, '
    '"unk_token": "a"}}'
}

TABLE = [
    ("plain", LLAMA, {}, "causal", "architecture LlamaForCausalLM"),
    ("plain", {"architectures": ["GPT2LMHeadModel"]}, {}, "causal", "GPT2LMHeadModel"),
    ("plain", BERT, {}, "encoder", "architecture BertModel"),
    ("plain", {"architectures": ["RobertaForMaskedLM"]}, {}, "encoder", "RobertaForMaskedLM"),
    ("plain", MISTRAL_BODY, {}, "encoder", "architecture MistralModel"),
    ("plain", {"architectures": ["T5EncoderModel"], "is_encoder_decoder": True}, {}, "encoder", ""),
    ("plain", BERT, ROOT_MODULE, "sentence-transformers", "modules.json"),
    ("plain", LLAMA, ROOT_MODULE, "sentence-transformers", "modules.json"),
    ("my-grit-bert", BERT, ROOT_MODULE, "sentence-transformers", "modules.json"),
    ("my-grit-bert", BERT, {}, "encoder", "architecture BertModel"),
    ("GritLM-7B", LLAMA, ROOT_MODULE, "sentence-transformers", "modules.json"),
    ("GritLM-7B", GRIT_CODE, ROOT_MODULE, "grit", "config.json names GritLM code"),
    ("plain", LLAMA, EMBED_TEMPLATE, "grit", "chat_template.jinja has <|embed|>"),
    ("plain", LLAMA, EMBED_TOKEN, "grit", "tokenizer.json has <|embed|>"),
    ("plain", GRIT_CODE, {}, "grit", "config.json names GritLM code"),
    ("run_grit_v2", LLAMA, {}, "causal", "architecture LlamaForCausalLM"),
    ("emb-grit", MISTRAL_BODY, {}, "encoder", "architecture MistralModel"),
    ("integrity", LLAMA, {}, "causal", "architecture"),
    ("gritty", LLAMA, {}, "causal", "architecture"),
]


@pytest.mark.parametrize(("name", "config", "files", "kind", "reason"), TABLE)
def test_table(write_folder, cache, name, config, files, kind, reason):
    checkpoint = resolve(str(write_folder(name, config, **files)), cache=cache)
    assert checkpoint.kind == kind
    assert reason in checkpoint.evidence[0]


@pytest.mark.parametrize("name", ["run_grit_v2", "grit/checkpoint-20", "GritLM-7B"])
def test_a_name_with_grit_is_remarked_on_and_decides_nothing(write_folder, cache, name):
    checkpoint = resolve(str(write_folder(name, LLAMA)), cache=cache)
    assert checkpoint.embedding.instructions == "none"
    assert "--protocol grit" in checkpoint.evidence[1]
    assert checkpoint.ref.evidence == checkpoint.evidence


def test_sentence_transformers_with_its_transformer_in_a_folder(tmp_path, write_folder, cache):
    """The older layout: nothing but ``modules.json`` at the top."""
    write_folder("st/0_Transformer", BERT)
    (tmp_path / "st" / "modules.json").write_text(
        '[{"type": "sentence_transformers.models.Transformer", "path": "0_Transformer"},'
        ' {"type": "sentence_transformers.models.Pooling", "path": "0_Transformer"}]'
    )
    checkpoint = resolve(str(tmp_path / "st"), cache=cache)
    assert checkpoint.kind == "sentence-transformers"
    assert checkpoint.cannot == {"generative": "BertModel has no language-model head"}
    (tmp_path / "st" / "0_Transformer" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no weights"):
        resolve(str(tmp_path / "st"), cache=cache)


def test_first_sign_of_grit_is_the_template(write_folder, cache):
    checkpoint = resolve(str(write_folder("grit", GRIT_CODE, **EMBED_TEMPLATE)), cache=cache)
    assert "<|embed|>" in checkpoint.evidence[0]
    assert any("auto_map" in remark for remark in checkpoint.evidence)


@pytest.mark.parametrize(
    ("config", "kind", "world", "reason"),
    [
        (LLAMA, "generative", "embedding", "--as generative"),
        (LLAMA, "encoder", "generative", "--as encoder"),
        (BERT, None, "generative", "BertModel has no language-model head"),
        (MISTRAL_BODY, "grit", "generative", "MistralModel has no language-model head"),
    ],
)
def test_what_it_cannot_do(write_folder, cache, config, kind, world, reason):
    checkpoint = resolve(str(write_folder("m", config)), CheckpointOptions(kind=kind), cache=cache)
    assert list(checkpoint.cannot) == [world]
    assert reason in checkpoint.cannot[world]
    assert (checkpoint.embedding is None) == (world == "embedding")
    assert (checkpoint.chat is None) == (world == "generative")


@pytest.mark.parametrize("kind", ["grit", "causal", "generative", "encoder"])
def test_override(write_folder, cache, kind):
    folder = write_folder("m", LLAMA, **ROOT_MODULE)
    checkpoint = resolve(str(folder), CheckpointOptions(kind=kind), cache=cache)
    assert checkpoint.kind == kind
    assert checkpoint.evidence[0] == f"--as {kind}"


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        (LLAMA, "sentence-transformers", "no modules.json.*--as encoder"),
        (BERT, "generative", "BertModel has no language-model head"),
        (
            {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
            None,
            "encoder-decoder models are not supported",
        ),
        (
            {"architectures": ["BertForSequenceClassification"]},
            None,
            "config.json: BertForSequenceClassification is a classifier or reranker",
        ),
        (
            {"architectures": ["LlamaForTokenClassification"]},
            None,
            "cannot detect what .*--as grit",
        ),
        ({}, None, "config.json names no architecture.*--as grit"),
    ],
)
def test_refusals(write_folder, cache, config, kind, message):
    with pytest.raises(CheckpointError, match=message):
        resolve(str(write_folder("m", config)), CheckpointOptions(kind=kind), cache=cache)
