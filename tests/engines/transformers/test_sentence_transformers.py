"""The sentence-transformers encoder gives what ``SentenceTransformer.encode`` gives."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_encoder
from evalsuite.engines.protocols import Encoder
from evalsuite.errors import CheckpointError, EngineError
from helpers.tiny_encoders import BOS, EOS, checkpoint, ids_of, save_model, tokenizer

in_float32 = partial(load_encoder, device="cpu", dtype="float32")

TEXTS = ["a cat", "", "the sun is a star, the moon is not", "a cat", "Füße", "word " * 60]


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("body"), "bert", template="<s> $A </s>")


def save(body: Path, folder: Path, *, include_prompt: bool) -> Path:
    model = SentenceTransformer(
        modules=[
            Transformer(str(body), max_seq_length=48),
            Pooling(32, "mean", include_prompt=include_prompt),
            Dense(32, 8),
            Normalize(),
        ],
        device="cpu",
    )
    model.save(str(folder))
    return folder


@pytest.fixture(scope="module")
def models(body: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folder = tmp_path_factory.mktemp("sentence-transformers")
    return {flag: save(body, folder / str(flag), include_prompt=flag) for flag in (True, False)}


def own(path: Path, **protocol: Any) -> Checkpoint:
    settings: dict[str, Any] = {
        "engine": "sentence-transformers", "wrapper": None, "instructions": "none",
        "attention": None, "pooling": "model", "max_length": None,
    }  # fmt: skip
    return checkpoint(path, **{**settings, **protocol})


@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("prefix", ["", "query: "])
def test_vectors_equal_sentence_transformers(
    models: dict[bool, Path], include_prompt: bool, prefix: str
) -> None:
    path = models[include_prompt]
    encoder = in_float32(own(path))
    assert isinstance(encoder, Encoder)
    reference = SentenceTransformer(str(path), device="cpu")
    alone = [reference.encode(text, prompt=prefix, batch_size=1) for text in TEXTS]
    told: list[int] = []
    vectors = encoder.encode(TEXTS, prefix, told.append)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 8))
    np.testing.assert_allclose(vectors, alone, rtol=0, atol=1e-6)
    assert sum(told) == len(TEXTS)


def test_the_rule_about_pooling_the_prompt_makes_a_difference(models: dict[bool, Path]) -> None:
    with_prompt, without = (
        in_float32(own(models[flag])).encode(["a cat"], "query: ") for flag in (True, False)
    )
    assert np.abs(with_prompt - without).max() > 1e-3


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("include_prompt", [True, False])
def test_rendered_is_what_the_model_is_given(
    models: dict[bool, Path], include_prompt: bool, weights: bool
) -> None:
    shown = in_float32(own(models[include_prompt]), weights=weights).render("a cat", "query: ")
    assert shown.text == "query: a cat"
    assert list(shown.token_ids) == [BOS, *ids_of("query: a cat"), EOS]
    assert shown.pooled_from == (0 if include_prompt else 1 + len("query: "))


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize(("limit", "length"), [(None, 48), (20, 20)])
def test_limit_is_the_models_own_unless_given(
    models: dict[bool, Path], weights: bool, limit: int | None, length: int
) -> None:
    encoder = in_float32(own(models[True], max_length=limit), weights=weights)
    ids = encoder.render("word " * 60).token_ids
    assert (len(ids), ids[-1]) == (length, EOS)


def test_limit_changes_the_vectors_as_max_seq_length_does(models: dict[bool, Path]) -> None:
    reference = SentenceTransformer(str(models[True]), device="cpu")
    reference.max_seq_length = 20
    vectors = in_float32(own(models[True], max_length=20)).encode(TEXTS)
    np.testing.assert_allclose(vectors, reference.encode(TEXTS), rtol=0, atol=1e-6)


def test_normalisation_where_the_model_has_none(body: Path, tmp_path: Path) -> None:
    SentenceTransformer(modules=[Transformer(str(body)), Pooling(32, "cls")], device="cpu").save(
        str(tmp_path)
    )
    plain = in_float32(own(tmp_path)).encode(TEXTS)
    unit = in_float32(own(tmp_path, normalize=True)).encode(TEXTS)
    assert np.abs(np.sqrt((plain**2).sum(axis=1)) - 1).min() > 0.1
    lengths = np.sqrt((plain**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(unit, plain / lengths, rtol=0, atol=1e-6)


def test_sixteen_bits_reach_modules_behind_the_body(models: dict[bool, Path]) -> None:
    full = in_float32(own(models[True])).encode(TEXTS)
    half = in_float32(own(models[True]), dtype="bfloat16").encode(TEXTS)
    assert half.dtype == np.float32
    lengths = np.sqrt((full**2).sum(axis=1) * (half**2).sum(axis=1))
    assert ((full * half).sum(axis=1) / lengths).min() > 0.999


def test_a_model_that_is_no_transformer(tmp_path: Path) -> None:
    static = StaticEmbedding(tokenizer(None).backend_tokenizer, embedding_dim=16)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path))
    texts = ["a cat", "the sun is a star", "a cat"]
    reference = SentenceTransformer(str(tmp_path), device="cpu").encode(texts)
    encoder = in_float32(own(tmp_path))
    np.testing.assert_allclose(encoder.encode(texts), reference, rtol=0, atol=1e-6)
    shown = in_float32(own(tmp_path), weights=False).render("cat")
    assert list(shown.token_ids) == ids_of("cat")


def test_without_weights_there_are_no_vectors(models: dict[bool, Path]) -> None:
    encoder = in_float32(own(models[True]), weights=False)
    with pytest.raises(EngineError, match="no weights"):
        encoder.encode(["a"])


def test_no_texts(models: dict[bool, Path]) -> None:
    assert in_float32(own(models[True])).encode([]).shape == (0, 8)


def test_a_broken_model_is_one_line(models: dict[bool, Path], tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_bytes((models[True] / "modules.json").read_bytes())
    with pytest.raises(CheckpointError, match="the model of tiny cannot be loaded") as caught:
        in_float32(own(tmp_path))
    assert "\n" not in str(caught.value)
