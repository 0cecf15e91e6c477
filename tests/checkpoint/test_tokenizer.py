"""The tokenizer that is loaded is the one that is stored: against the file's own pipeline."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer

import zoo_models
from evalsuite.checkpoint import resolve

TEXT = "the cat and old dog"


def test_a_file_that_transformers_rebuilds_is_loaded_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m"
    named = zoo_models.config_of_tokenizer(tokenizer_class="LlamaTokenizerFast")
    zoo_models.tokenized(named)(path)
    wanted = Tokenizer.from_file(str(path / "tokenizer.json")).encode(TEXT).ids
    rebuilt = AutoTokenizer.from_pretrained(path)
    assert rebuilt(TEXT)["input_ids"] != wanted, "transformers no longer rebuilds it: drop the fix"
    checkpoint = resolve(str(path), cache=tmp_path / "cache")
    loaded = AutoTokenizer.from_pretrained(checkpoint.tokenizer_path)
    assert loaded(TEXT)["input_ids"] == wanted
    assert loaded.decode(wanted, skip_special_tokens=True) == TEXT
    assert checkpoint.traits["tokenizer"] == "file"
    assert any("loaded as it is" in remark for remark in checkpoint.evidence)


def test_a_tokenizer_that_is_loaded_right_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m"
    zoo_models.tokenized(lambda _: None)(path)
    checkpoint = resolve(str(path), cache=tmp_path / "cache")
    assert checkpoint.tokenizer_path == checkpoint.path
    assert set(checkpoint.traits.values()) == {None}
    assert checkpoint.embedding is not None
    assert not checkpoint.embedding.append_eos
