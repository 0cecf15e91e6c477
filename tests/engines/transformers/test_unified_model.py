"""Caches against definitions: one pass over all tokens with the mask written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from evalsuite.engines.load import load_encoder, load_unified
from evalsuite.engines.transformers.key_values import read_key_values, write_key_values
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.errors import CheckpointError, EngineError, UsageError
from helpers.tiny_unified import FAMILIES, make_tiny_unified

DOCUMENT = "The Ossel rises at the Three Kettles and flows to the Bay of Lorn."
PROMPT = "\n<|user|>\nWhere does it rise?\n<|assistant|>\nThe answer is"
STEPS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cached")


def load(folder: Path, family: str, attention: str, **options: Any) -> tuple[UnifiedModel, Path]:
    path = folder / f"{family}-{attention}"
    checkpoint = make_tiny_unified(path, family, attention)
    return load_unified(checkpoint, device="cpu", dtype="float32", **options), path


def naive_logits(path: Path, ids: list[int], both_ways: int) -> torch.Tensor:
    """Logits of all tokens in one pass; the first ``both_ways`` tokens see each other, all later
    tokens see those before them (within the window, where the family has one)."""
    model = AutoModelForCausalLM.from_pretrained(path, attn_implementation="eager").eval()
    n = len(ids)
    at = torch.arange(n)
    sees = at[None, :] <= at[:, None]
    if window := getattr(model.config, "sliding_window", None):
        sees &= at[:, None] - at[None, :] < window
    sees[:both_ways, :both_ways] = True
    mask = torch.zeros(n, n).masked_fill(~sees, torch.finfo(torch.float32).min)
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids]), attention_mask=mask[None, None]).logits[0]
    return logits


def naive_greedy(path: Path, ids: list[int], both_ways: int, ends: set[int]) -> list[int]:
    found: list[int] = []
    for _ in range(STEPS):
        row = naive_logits(path, ids + found, both_ways)[-1].clone()
        if not found:
            row[list(ends)] = -torch.inf
        token = int(row.argmax())
        if token in ends:
            break
        found.append(token)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_causal_cache_is_plain_generation(folder: Path, family: str) -> None:
    model, path = load(folder, family, "causal")
    document = model.texts.embedding_ids(DOCUMENT)
    prompt = model.texts.ids(PROMPT, bos=False)
    states = model.key_values(document)
    cached = model.generate(states, prompt, STEPS).token_ids
    assert cached == model.generate(None, document + prompt, STEPS).token_ids
    assert list(cached) == naive_greedy(path, [*document, *prompt], 0, {1})
    assert states.tokens == len(document), "generation leaves the cache as it was"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bidirectional_cache_is_the_masked_pass(folder: Path, family: str) -> None:
    model, path = load(folder, family, "bidirectional")
    document = model.texts.embedding_ids(DOCUMENT)
    prompt = model.texts.ids(PROMPT, bos=False)
    states = model.key_values(document)
    expected = naive_logits(path, [*document, *prompt], len(document))[-1]
    np.testing.assert_allclose(model.logits(states, prompt), expected.numpy(), atol=1e-4)
    found = model.generate(states, prompt, STEPS).token_ids
    assert list(found) == naive_greedy(path, [*document, *prompt], len(document), {1})
    causal = naive_logits(path, [*document, *prompt], 0)[-1]
    assert float((causal - expected).abs().max()) > 1e-2, "the attention of the cache matters"


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
def test_vectors_are_the_encoders_normalised(folder: Path, attention: str) -> None:
    model, path = load(folder, "mistral-window", attention)
    checkpoint = make_tiny_unified(path, "mistral-window", attention)
    expected = load_encoder(checkpoint, device="cpu", dtype="float32").encode(
        [DOCUMENT, "Pell"], checkpoint.embedding.prefix("")
    )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    rows = [model.texts.embedding_ids(text) for text in (DOCUMENT, "Pell")]
    found = model.embed_many(rows, model.texts.pooled_from, lambda _: None)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    alone = model.embed(rows[1], model.texts.pooled_from)
    np.testing.assert_allclose(alone.vector, expected[1], atol=1e-5)
    assert alone.states.tokens == len(rows[1]) == 1 + len("<|embed|>\nPell")


def test_embedding_does_not_change_how_the_model_generates(folder: Path) -> None:
    model, _ = load(folder, "mistral-window", "bidirectional")
    prompt = model.texts.ids(PROMPT, bos=True)
    before = model.generate(None, prompt, STEPS).token_ids
    model.key_values(model.texts.embedding_ids(DOCUMENT))
    assert model.generate(None, prompt, STEPS).token_ids == before


def test_two_caches_side_by_side(folder: Path) -> None:
    """Positions of the second part begin at 0, those of the prompt after all cached ones."""
    model, _ = load(folder, "llama", "bidirectional")
    first = model.key_values(model.texts.embedding_ids("Where?"))
    second = model.key_values(model.texts.embedding_ids(DOCUMENT))
    both = first + second
    assert both.tokens == first.tokens + second.tokens
    for (keys, values), (k1, v1), (k2, v2) in zip(
        both.layers, first.layers, second.layers, strict=True
    ):
        assert torch.equal(keys, torch.cat([k1, k2], 2))
        assert torch.equal(values, torch.cat([v1, v2], 2))
    ids = model.texts.ids("x", bos=False)
    cache = both.as_cache()
    with torch.inference_mode():
        expected = model._model(
            torch.tensor([ids]),
            position_ids=torch.tensor([[both.tokens]]),
            past_key_values=cache,
        ).logits[0, -1]
    np.testing.assert_allclose(model.logits(both, ids), expected.numpy(), atol=1e-5)


def test_a_cache_survives_the_disk_bit_by_bit(folder: Path, tmp_path: Path) -> None:
    checkpoint = make_tiny_unified(tmp_path / "model", "llama", "bidirectional")
    for dtype, width in (("float32", 4), ("bfloat16", 2)):
        model = load_unified(checkpoint, device="cpu", dtype=dtype)  # type: ignore[arg-type]
        states = model.key_values(model.texts.embedding_ids(DOCUMENT))
        path = tmp_path / f"{dtype}.safetensors"
        write_key_values(states, path)
        back = read_key_values(path, "cpu")
        assert all(
            torch.equal(a, b)
            for pair, other in zip(states.layers, back.layers, strict=True)
            for a, b in zip(pair, other, strict=True)
        )
        # 2 layers, keys and values, 1 key-value head of 16.
        assert model.bytes_per_token == 2 * 2 * 1 * 16 * width
        assert states.nbytes == states.tokens * model.bytes_per_token
        assert 0 <= path.stat().st_size - states.nbytes < 2000


def test_no_end_of_text_comes_first_and_stop_can_be_left_out(folder: Path) -> None:
    model, _ = load(folder, "llama", "bidirectional")
    prompt = model.texts.ids(PROMPT, bos=True)
    usual = model.generate(None, prompt, STEPS).token_ids
    model._end_ids = {usual[0]}
    assert model.generate(None, prompt, STEPS).token_ids[0] != usual[0]
    model._end_ids = set(range(258)) - {usual[0]}
    assert model.generate(None, prompt, STEPS).token_ids[0] == usual[0]
    assert len(model.generate(None, prompt, STEPS, stop=False).token_ids) == STEPS


def test_embed_length_cuts_the_text(folder: Path) -> None:
    model, _ = load(folder, "llama", "bidirectional", embed_length=20)
    assert len(model.texts.embedding_ids(DOCUMENT)) == 20


def test_what_does_not_fit_is_said(folder: Path) -> None:
    model, path = load(folder, "llama", "bidirectional")
    with pytest.raises(EngineError, match="more than the model's 1024 positions"):
        model.generate(None, (5,) * 1020, 5)
    checkpoint = make_tiny_unified(path, "llama", "bidirectional")
    with pytest.raises(UsageError, match="--embed-length 2000 is beyond the 1024 positions"):
        load_unified(checkpoint, embed_length=2000)
    with pytest.raises(CheckpointError, match="--as grit or causal"):
        load_unified(checkpoint.model_copy(update={"embedding": None}))
