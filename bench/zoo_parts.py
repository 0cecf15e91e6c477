"""Small parts that the checkpoints of the zoo are put together from: tokenizers and tiny models.

All weights are random, with a spread wide enough that texts get clearly different vectors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, PreTrainedTokenizerFast

_SENTENCE = (
    "the a of in to and refund order late parcel card money bank cat dog bird tree rain sun sea "
    "fish boat road car train plane ticket seat food bread milk tea cup glass red blue green old "
    "new big small house door key lock light dark night day query passage search document is"
)
WORDS = _SENTENCE.split()
TEXTS = [
    "the cat and the old dog",
    "a late parcel",
    "rain in the night and sun in the day over the sea and the boat and the old house",
    "money",
    "a red card of the bank is in the blue house behind the big green door with the small key",
    "Query the train to the plane",
    "",
    "bread milk tea cup glass food seat ticket " * 5,
]
"""Texts of different lengths, one empty, some with words that no vocabulary has."""
PAD, UNK, CLS, SEP = 0, 1, 2, 3
BOS, EOS = 1, 2
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def word_tokenizer(
    template: str = "[CLS] $A [SEP]", *, first: list[str] | None = None
) -> Tokenizer:
    """One token a word; ``first`` are the special tokens in the order of their ids."""
    special = first or SPECIAL
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS, ":", ",", "."])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single=template,
        special_tokens=[(word, vocabulary[word]) for word in ("[CLS]", "[SEP]")],
    )
    return core


def fast(core: Tokenizer, **settings: Any) -> PreTrainedTokenizerFast:
    """The same as transformers has it."""
    named = {
        "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=core, **{**named, **settings})


def byte_tokenizer(template: str | None = "<s> $A", size: int = 330) -> Tokenizer:
    """Byte-level BPE that keeps spaces, with ``<unk>``, ``<s>`` and ``</s>``."""
    core = Tokenizer(models.BPE(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([" ".join(WORDS)] * 2 + TEXTS, trainer)
    if template is not None:
        core.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", BOS), ("</s>", EOS)]
        )
    return core


def byte_fast(core: Tokenizer, **settings: Any) -> PreTrainedTokenizerFast:
    """The same as transformers has it."""
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=core, **{**named, **settings})


def encoder_body(path: Path, family: str = "bert", *, seed: int = 0, **settings: Any) -> Path:
    """A two-layer encoder with 32 numbers a vector, with its tokenizer."""
    padding_side = settings.pop("padding_side", "right")
    core = settings.pop("tokenizer", None) or word_tokenizer()
    longest = settings.pop("model_max_length", 64)
    tokenizer = fast(core, padding_side=padding_side, model_max_length=longest)
    torch.manual_seed(seed)
    config: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 48, "max_position_embeddings": 64,
        "pad_token_id": PAD, "initializer_range": 0.5,
    }  # fmt: skip
    auto = settings.pop("auto", AutoModel)
    auto.from_config(AutoConfig.for_model(family, **{**config, **settings})).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def decoder(path: Path, family: str = "llama", *, seed: int = 0, **settings: Any) -> Any:
    """A two-layer language model, saved with a byte-level tokenizer."""
    core = settings.pop("tokenizer", None) or byte_tokenizer()
    dtype = settings.pop("dtype", torch.float32)
    body = settings.pop("body", False)
    kept = settings.pop("tokenizer_settings", {})
    torch.manual_seed(seed)
    config: dict[str, Any] = {
        "vocab_size": core.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
        "max_position_embeddings": 256, "initializer_range": 0.3, "bos_token_id": BOS,
        "eos_token_id": EOS, "pad_token_id": 0,
    }  # fmt: skip
    settings = AutoConfig.for_model(family, **{**config, **settings})
    model = (AutoModel if body else AutoModelForCausalLM).from_config(settings).to(dtype).eval()
    model.save_pretrained(path)
    byte_fast(core, **kept).save_pretrained(path)
    return model


def change(path: Path, **keys: Any) -> None:
    """Change keys of a JSON file; ``None`` takes a key out."""
    stored = json.loads(path.read_text()) if path.is_file() else {}
    stored = {key: value for key, value in {**stored, **keys}.items() if value is not None}
    path.write_text(json.dumps(stored))
