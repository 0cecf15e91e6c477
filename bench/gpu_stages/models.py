"""Models with random weights, made on the device, and a tokenizer trained on the spot."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import Attention, Checkpoint, CheckpointOptions, Pooling
from gpu_stages.stage import Place

Family = Literal["llama", "mistral", "qwen2", "qwen3", "mixtral", "bert"]

SYLLABLES: Final = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri")
WORDS: Final = tuple(a + b + c for a in SYLLABLES for b in SYLLABLES for c in ("s", "n", "l", "t"))
"""676 words; each becomes one token."""
PIECES: Final = 4096
"""Tokens of the vocabulary at most."""
POSITIONS: Final = 2048


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a model."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    inner: int

    @property
    def parameters(self) -> int:
        """Of all matrices of a decoder's layers."""
        head = self.hidden // self.heads
        attention = self.hidden * head * 2 * (self.heads + self.key_value_heads)
        return self.layers * (attention + 3 * self.hidden * self.inner)

    def flop(self, lengths: list[int]) -> float:
        """What texts of so many tokens need, padding not counted; no token sees a mask."""
        seen = 4 * self.layers * self.hidden
        return 2.0 * self.parameters * sum(lengths) + seen * sum(n * n for n in lengths)


TINY: Final = Shape(64, 2, 4, 2, 128)
ONE_BILLION: Final = Shape(2048, 16, 32, 8, 8192)
SEVEN_BILLION: Final = Shape(4096, 32, 32, 8, 14336)
"""Of Mistral 7B."""
MINILM: Final = Shape(384, 6, 12, 12, 1536)


def words(count: int, seed: int = 0) -> str:
    """A text of so many words."""
    return " ".join(random.Random(seed).choices(WORDS, k=count))


@cache
def tokenizer() -> Any:
    """A byte-level BPE tokenizer that knows :data:`WORDS`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator((words(64, seed) for seed in range(200)), trainer)
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", core.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        model_max_length=POSITIONS,
    )


def config(family: Family, shape: Shape) -> Any:
    """The config of a model; weights are drawn so that attention is neither even nor on one."""
    from transformers import AutoConfig

    ids = tokenizer()
    settings: dict[str, Any] = {
        "vocab_size": len(ids),
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "intermediate_size": shape.inner,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.8 / shape.hidden**0.5,
        "pad_token_id": ids.pad_token_id,
        "bos_token_id": ids.bos_token_id,
        "eos_token_id": ids.eos_token_id,
    }
    if family == "bert":
        del settings["num_key_value_heads"]
    elif family == "qwen3":
        settings["head_dim"] = shape.hidden // shape.heads
    elif family == "mixtral":
        settings |= {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}
    return AutoConfig.for_model(family, **settings)


def made(family: Family, shape: Shape, device: str, dtype: str, *, head: bool = True) -> Any:
    """A model with random weights, made where it is to be."""
    import torch
    from transformers import AutoModel, AutoModelForCausalLM

    torch.manual_seed(0)
    kind = AutoModelForCausalLM if head and family != "bert" else AutoModel
    with torch.device(device):
        return kind.from_config(config(family, shape), dtype=getattr(torch, dtype)).eval()


def saved(folder: Path, family: Family, shape: Shape, place: Place) -> Path:
    """Write a model in bfloat16 and the tokenizer."""
    made(family, shape, place.device, "bfloat16").save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def saved_sentence_transformer(folder: Path, shape: Shape, place: Place) -> Path:
    """Write a BERT with mean pooling as a sentence-transformers folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling as PoolingModule
    from sentence_transformers.models import Transformer

    body = Transformer(str(saved(folder / "body", "bert", shape, place)), max_seq_length=512)
    SentenceTransformer(modules=[body, PoolingModule(shape.hidden)], device="cpu").save(
        str(folder / "whole")
    )
    return folder / "whole"


def decoder(
    folder: Path, attention: Attention = "bidirectional", pooling: Pooling = "mean"
) -> Checkpoint:
    """A decoder's folder as evalsuite takes it, for texts without an instruction."""
    options = CheckpointOptions(
        attention=attention, pooling=pooling, instructions="none", wrapper="raw", max_length=512
    )
    return resolve(str(folder), options)
