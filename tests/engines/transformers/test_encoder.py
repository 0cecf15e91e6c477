"""The transformers encoder against the protocol written out: one text at a time, no padding."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from evalsuite.engines.length_batches import LengthBatcher
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder
from evalsuite.errors import CheckpointError, EngineError, UsageError
from helpers.tiny_encoders import BOS, EOS, FAMILIES, checkpoint, ids_of, save_model

in_float32 = partial(load_encoder, device="cpu", dtype="float32")

PREFIX = "<|user|>\nFind it\n<|embed|>\n"
TEXTS = [
    "a cat",
    "",
    "the sun is a star, the moon is not",
    "a cat",
    "x",
    "nine hundred and ninety-nine characters would be too long for the limit of this protocol",
    "Füße, 猫 and <s>",
]
DECODERS = ["llama", "mistral", "qwen2"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save_model(tmp_path_factory.mktemp(name), name) for name in FAMILIES}


@cache
def in_eager_attention(path: Path) -> Any:
    return AutoModel.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")


def hidden_states(path: Path, ids: list[int], attention: str | None) -> np.ndarray:
    """Last hidden states of one sequence: eager attention, every mask written out.

    Causal: the family's own, which is where a sliding window would be.
    """
    model = in_eager_attention(path)
    mask = torch.zeros(1, 1, len(ids), len(ids)) if attention == "bidirectional" else None
    with torch.no_grad():
        return model(torch.tensor([ids]), attention_mask=mask).last_hidden_state[0].numpy()


def by_hand(path: Path, text: str, prefix: str, attention: str | None, pooling: str) -> np.ndarray:
    """Section 4.2 of the protocol, with a limit of 64 tokens."""
    # A literal <s> is one token, as it is for the authors' tokenizer.
    before, *after = text.split("<s>")
    ids = [BOS, *ids_of(prefix + before)]
    for piece in after:
        ids += [BOS, *ids_of(piece)]
    ids = ids[:64]
    hidden = hidden_states(path, ids, attention).astype(np.float64)
    start = 1 + len(prefix.encode()) if prefix else 0
    kept = hidden[start:] if start < len(ids) else hidden[-1:]
    if pooling == "mean":
        return kept.sum(axis=0) / len(kept)
    if pooling == "weighted_mean":
        weights = np.arange(1, len(kept) + 1)
        return (weights[:, None] * kept).sum(axis=0) / weights.sum()
    return hidden[0] if pooling == "cls" else hidden[-1]


@pytest.mark.parametrize("pooling", ["mean", "weighted_mean", "last", "cls"])
@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
@pytest.mark.parametrize("family", DECODERS)
def test_vectors_equal_the_protocol_by_hand(
    models: dict[str, Path], family: str, attention: str, pooling: str
) -> None:
    path = models[family]
    encoder = in_float32(checkpoint(path, attention=attention, pooling=pooling))
    for prefix in (PREFIX, ""):
        vectors = encoder.encode(TEXTS, prefix)
        assert vectors.dtype == np.float32
        expected = [by_hand(path, text, prefix, attention, pooling) for text in TEXTS]
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("pooling", ["mean", "weighted_mean"])
def test_the_instruction_in_the_mean(models: dict[str, Path], pooling: str) -> None:
    encoder = in_float32(checkpoint(models["llama"], pooling=pooling, pool_instruction=True))
    ids = [BOS, *ids_of(PREFIX + TEXTS[0])]
    hidden = hidden_states(models["llama"], ids, "bidirectional").astype(np.float64)
    weights = np.arange(1, len(ids) + 1) if pooling == "weighted_mean" else np.ones(len(ids))
    expected = (weights[:, None] * hidden).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(encoder.encode(TEXTS[:1], PREFIX)[0], expected, rtol=0, atol=2e-5)
    assert encoder.render(TEXTS[0], PREFIX).pooled_from == 0


def test_encoder_family_needs_no_attention_switch(models: dict[str, Path]) -> None:
    encoder = in_float32(checkpoint(models["bert"], attention=None))
    expected = [by_hand(models["bert"], text, PREFIX, None, "mean") for text in TEXTS]
    np.testing.assert_allclose(encoder.encode(TEXTS, PREFIX), expected, rtol=0, atol=2e-5)


def test_normalised_vectors(models: dict[str, Path]) -> None:
    plain = in_float32(checkpoint(models["llama"])).encode(TEXTS, PREFIX)
    unit = in_float32(checkpoint(models["llama"], normalize=True)).encode(TEXTS, PREFIX)
    lengths = np.sqrt((plain**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(unit, plain / lengths, rtol=0, atol=1e-6)


@pytest.mark.parametrize("tokens", [1, 100, 10_000])
def test_the_composition_of_batches_does_not_matter(models: dict[str, Path], tokens: int) -> None:
    encoder: Any = in_float32(checkpoint(models["mistral"]))
    whole = encoder.encode(TEXTS, PREFIX)
    encoder._batcher = LengthBatcher(tokens)
    np.testing.assert_allclose(encoder.encode(TEXTS, PREFIX), whole, rtol=0, atol=1e-5)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("family", [*DECODERS, "gpt2"])
def test_causal_instead_of_bidirectional_is_caught(models: dict[str, Path], family: str) -> None:
    text = ["the sun is a star, the moon is not"]
    both: Any = in_float32(checkpoint(models[family]))
    one: Any = in_float32(checkpoint(models[family], attention="causal"))
    assert cosine(both.encode(text, PREFIX)[0], one.encode(text, PREFIX)[0]) < 0.99

    both._model.config.is_causal = True
    with pytest.raises(EngineError, match=rf"{type(both._model).__name__} attends causal, but"):
        both.verify_attention()
    one._model.config.is_causal = False
    with pytest.raises(EngineError, match=r"bidirectional, but.* asks for causal attention"):
        one.verify_attention()


def test_sliding_window_left_on_is_caught_by_the_definition(models: dict[str, Path]) -> None:
    encoder: Any = in_float32(checkpoint(models["mistral"]))
    encoder._model.config.sliding_window = 4
    text = "the sun is a star, the moon is not"
    expected = by_hand(models["mistral"], text, PREFIX, "bidirectional", "mean")
    assert np.abs(encoder.encode([text], PREFIX)[0] - expected).max() > 1e-3
    with pytest.raises(EngineError, match="partly bidirectional"):
        encoder.verify_attention()


def test_explicit_mask_does_what_the_switch_does(models: dict[str, Path]) -> None:
    encoder: Any = in_float32(checkpoint(models["llama"]))
    expected = encoder.encode(TEXTS, PREFIX)
    encoder._model.config.is_causal = True
    encoder._settle_attention()
    assert encoder._explicit_mask
    np.testing.assert_allclose(encoder.encode(TEXTS, PREFIX), expected, rtol=0, atol=1e-5)


def test_family_that_the_switch_does_not_reach_gets_the_explicit_mask(tmp_path: Path) -> None:
    # Chunked attention (Llama 4) has no bidirectional form in transformers' masks.
    path = save_model(
        tmp_path, "llama4_text", num_key_value_heads=2, head_dim=8, intermediate_size_mlp=64,
        num_local_experts=2, attention_chunk_size=4, no_rope_layers=[1, 1],
        layer_types=["chunked_attention", "full_attention"],
    )  # fmt: skip
    encoder: Any = in_float32(checkpoint(path))
    assert encoder._explicit_mask
    expected = [by_hand(path, text, PREFIX, "bidirectional", "mean") for text in TEXTS]
    np.testing.assert_allclose(encoder.encode(TEXTS, PREFIX), expected, rtol=0, atol=2e-5)


def test_family_that_cannot_be_bidirectional_is_refused(tmp_path: Path) -> None:
    path = save_model(
        tmp_path, "gpt_neo", num_layers=2, attention_types=[[["global", "local"], 1]],
    )  # fmt: skip
    with pytest.raises(EngineError, match=r"GPTNeoModel attends causal.*--attention causal"):
        in_float32(checkpoint(path))
    assert in_float32(checkpoint(path, attention="causal")).encode(["a"]).shape == (1, 32)


def test_an_encoder_cannot_be_causal(models: dict[str, Path]) -> None:
    with pytest.raises(EngineError, match="BertModel attends bidirectional"):
        in_float32(checkpoint(models["bert"], attention="causal"))


# --- What the model is given -------------------------------------------------------------------


def rendered(path: Path, text: str, prefix: str, **protocol: Any) -> tuple[str, list[int], int]:
    encoder = in_float32(checkpoint(path, **protocol), weights=False)
    shown = encoder.render(text, prefix)
    return shown.text, list(shown.token_ids), shown.pooled_from


def test_grit_template_with_instruction(models: dict[str, Path]) -> None:
    protocol = checkpoint(models["llama"]).embedding
    assert protocol is not None
    prefix = protocol.prefix("Retrieve text based on user query. ")
    whole = "<|user|>\nRetrieve text based on user query.\n<|embed|>\na cat"
    start = len("<s>") - 2 + len("<|user|>\nRetrieve text based on user query.\n<|embed|>\n")
    expected = (whole, [BOS, *ids_of(whole)][:64], start)
    assert rendered(models["llama"], "a cat", prefix) == expected


def test_grit_template_without_instruction(models: dict[str, Path]) -> None:
    protocol = checkpoint(models["llama"]).embedding
    assert protocol is not None
    whole = "<|embed|>\na cat"
    expected = (whole, [BOS, *ids_of(whole)], 1 + len("<|embed|>\n"))
    assert rendered(models["llama"], "a cat", protocol.prefix("")) == expected


def test_without_prefix_nothing_is_masked(models: dict[str, Path]) -> None:
    assert rendered(models["llama"], "a cat", "") == ("a cat", [BOS, *ids_of("a cat")], 0)


@pytest.mark.parametrize(
    ("prefix", "text"),
    [("<s>" + PREFIX, "cat"), ("<s><s>" + PREFIX, "cat"), ("", "<s>cat"), ("<s>", "cat")],
)
def test_exactly_one_bos_where_the_tokenizer_adds_it(
    models: dict[str, Path], prefix: str, text: str
) -> None:
    _, ids, start = rendered(models["llama"], text, prefix)
    bare = prefix.replace("<s>", "")
    assert ids == [BOS, *ids_of(bare + "cat")]
    assert start == (1 + len(bare) if bare else 0)


@pytest.fixture(scope="module")
def no_bos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose tokenizer adds nothing, as SmolLM2's."""
    return save_model(tmp_path_factory.mktemp("no-bos"), "llama", template=None)


def test_no_bos_where_the_tokenizer_adds_none(no_bos: Path) -> None:
    _, ids, start = rendered(no_bos, "cat", PREFIX)
    assert (ids, start) == (ids_of(PREFIX + "cat"), len(PREFIX))
    _, ids, start = rendered(no_bos, "cat", "<s>" + PREFIX)
    assert (ids, start) == ([BOS, *ids_of(PREFIX + "cat")], 1 + len(PREFIX))


def test_special_tokens_behind_the_text_do_not_shift_the_instruction(tmp_path: Path) -> None:
    path = save_model(tmp_path, "bert", template="<s> $A </s>")
    _, ids, start = rendered(path, "cat", PREFIX, attention=None)
    assert ids == [BOS, *ids_of(PREFIX + "cat"), EOS]
    assert start == 1 + len(PREFIX)
    long = rendered(path, "x" * 100, PREFIX, attention=None)[1]
    assert (len(long), long[-1]) == (64, EOS)


def test_limit_counts_bos_and_prefix(models: dict[str, Path]) -> None:
    text = "abcdefghij" * 10
    _, ids, _ = rendered(models["llama"], text, PREFIX)
    assert ids == [BOS, *ids_of(PREFIX + text)][:64]
    _, ids, _ = rendered(models["llama"], text * 10, PREFIX, max_length=None)
    assert len(ids) == 256, "without a limit of the protocol: the model's positions"


# --- Defined results at the edges --------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "weighted_mean"])
def test_empty_text_pools_the_last_token_of_the_prefix(
    models: dict[str, Path], pooling: str
) -> None:
    encoder = in_float32(checkpoint(models["llama"], pooling=pooling))
    hidden = hidden_states(models["llama"], [BOS, *ids_of(PREFIX)], "bidirectional")
    vectors = encoder.encode(["", "a much longer text beside it"], PREFIX)
    np.testing.assert_allclose(vectors[0], hidden[-1], rtol=0, atol=2e-5)


def test_instruction_beyond_the_limit_pools_the_last_token(models: dict[str, Path]) -> None:
    encoder = in_float32(checkpoint(models["llama"]))
    prefix = "i" * 100
    hidden = hidden_states(models["llama"], [BOS, *ids_of("i" * 63)], "bidirectional")
    vectors = encoder.encode(["one", "two"], prefix)
    np.testing.assert_allclose(vectors, [hidden[-1]] * 2, rtol=0, atol=2e-5)
    assert encoder.render("one", prefix).pooled_from == 63


def test_no_token_at_all_is_the_end_of_text_token(no_bos: Path) -> None:
    encoder = in_float32(checkpoint(no_bos))
    hidden = hidden_states(no_bos, [EOS], "bidirectional")
    vectors = encoder.encode(["", "a longer text"])
    np.testing.assert_allclose(vectors[0], hidden[0], rtol=0, atol=2e-5)
    assert encoder.render("").token_ids == (EOS,)


def test_no_texts_give_an_empty_matrix(models: dict[str, Path]) -> None:
    assert in_float32(checkpoint(models["llama"])).encode([]).shape == (0, 32)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bit_vectors_are_finite_and_near(models: dict[str, Path], dtype: Any) -> None:
    full = in_float32(checkpoint(models["llama"])).encode(TEXTS, PREFIX)
    half = in_float32(checkpoint(models["llama"]), dtype=dtype).encode(TEXTS, PREFIX)
    assert half.dtype == np.float32
    assert min(cosine(a, b) for a, b in zip(full, half, strict=True)) > 0.999


def test_a_checkpoint_that_gives_nan_is_an_error(models: dict[str, Path]) -> None:
    encoder: Any = in_float32(checkpoint(models["llama"]))
    with torch.no_grad():
        encoder._model.norm.weight[3] = float("nan")
    with pytest.raises(EngineError, match="'a cat' is not finite"):
        encoder.encode(["a cat"], PREFIX)


# --- Loading -----------------------------------------------------------------------------------


def test_encoder_without_weights_only_renders(models: dict[str, Path]) -> None:
    encoder = in_float32(checkpoint(models["llama"]), weights=False)
    assert isinstance(encoder, Encoder)
    assert encoder.render("a").token_ids == (BOS, *ids_of("a"))
    with pytest.raises(EngineError, match="no weights"):
        encoder.encode(["a"])


def test_missing_weights_are_not_made_up(models: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = save_model(tmp_path, "llama")
    weights = load_file(path / "model.safetensors")
    dropped = {name: tensor for name, tensor in weights.items() if "layers.1" not in name}
    save_file(dropped, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 9 weights of LlamaModel \(layers.1"):
        in_float32(checkpoint(path))


def test_broken_files_are_one_line(tmp_path: Path) -> None:
    path = save_model(tmp_path, "llama")
    (path / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(CheckpointError, match="the model of tiny cannot be loaded") as caught:
        in_float32(checkpoint(path))
    assert "\n" not in str(caught.value)
    (path / "tokenizer.json").unlink()
    (path / "tokenizer_config.json").unlink()
    with pytest.raises(CheckpointError, match="the tokenizer of tiny cannot be loaded"):
        in_float32(checkpoint(path), weights=False)


def test_limits_beyond_the_model_are_refused(models: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="257 is beyond the 256 positions"):
        in_float32(checkpoint(models["llama"], max_length=257))


def test_a_checkpoint_that_cannot_embed_says_why(models: dict[str, Path]) -> None:
    refused = checkpoint(models["llama"]).model_copy(
        update={"embedding": None, "cannot": {"embedding": "it is a diffusion model"}}
    )
    with pytest.raises(CheckpointError, match="cannot embed: it is a diffusion model"):
        in_float32(refused)
