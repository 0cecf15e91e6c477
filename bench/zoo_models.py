"""Plain models: tokenizers, adapters, dtypes, other families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForTextEncoding

import zoo_quantised
from evalsuite.checkpoint import CheckpointOptions
from zoo import Equal, Kind, Refused, Side, Vectors
from zoo_parts import BOS, EOS, byte_tokenizer, change, decoder, encoder_body, word_tokenizer

POOLINGS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda hidden: hidden.mean(0),
    "cls": lambda hidden: hidden[0],
    "last": lambda hidden: hidden[-1],
    "weighted_mean": lambda hidden: (
        hidden * (torch.arange(len(hidden)) + 1)[:, None]
    ).sum(0) / (torch.arange(len(hidden)) + 1).sum(),
}  # fmt: skip
"""From the hidden states of one text's tokens to its vector, by definition."""


def alone(
    path: Path, pooling: str, encode: Callable[[str], list[int]], auto: Any = AutoModel, **load: Any
) -> Callable:
    """Vectors of texts, each run through the body by itself."""
    model = auto.from_pretrained(path, dtype=torch.float32, **load).eval()

    def vectors(texts: list[str], _side: Side) -> Vectors:
        found = []
        with torch.inference_mode():
            for text in texts:
                hidden = model(torch.tensor([encode(text)])).last_hidden_state[0]
                found.append(POOLINGS[pooling](hidden))
        return torch.stack(found).numpy()

    return vectors


def causal(pooling: str, family: str = "llama", **settings: Any) -> Callable[[Path], Equal]:
    """A language model that embeds with causal attention."""

    def build(path: Path) -> Equal:
        decoder(path, family, **settings)
        core = Tokenizer.from_file(str(path / "tokenizer.json"))
        options = CheckpointOptions(pooling=pooling, instructions="none")
        vectors = alone(path, pooling, lambda text: core.encode(text).ids)
        return Equal(vectors, options=options)

    return build


def encoder(family: str, pooling: str = "mean", **settings: Any) -> Callable[[Path], Equal]:
    """An encoder of a family."""

    def build(path: Path) -> Equal:
        encoder_body(path, family, **settings)
        core = Tokenizer.from_file(str(path / "tokenizer.json"))
        longest = settings.get("longest", 64)
        core.enable_truncation(longest)
        core.no_padding()
        options = CheckpointOptions(pooling=pooling, max_length=settings.get("max_length"))
        auto = settings.get("auto", AutoModel)
        vectors = alone(path, pooling, lambda text: core.encode(text).ids, auto)
        return Equal(vectors, options=options)

    return build


def tokenized(
    change_files: Callable[[Path], None],
    *,
    behind: list[int] | None = None,
    before: list[int] | None = None,
    family: str = "llama",
    template: str | None = "<s> $A",
) -> Callable[[Path], Equal]:
    """A language model whose tokenizer's config says something else than its file."""

    def build(path: Path) -> Equal:
        core = byte_tokenizer(template)
        decoder(path, family, tokenizer=core)
        change_files(path)
        core = byte_tokenizer(template)

        def ids(text: str) -> list[int]:
            return [*(before or []), *core.encode(text).ids, *(behind or [])] or [EOS]

        return Equal(alone(path, "last", ids), options=CheckpointOptions(pooling="last"))

    return build


def config_of_tokenizer(**keys: Any) -> Callable[[Path], None]:
    """Change ``tokenizer_config.json``."""
    return lambda path: change(path / "tokenizer_config.json", **keys)


def adapter(tied: bool, **lora: Any) -> Callable[[Path], Equal]:
    """An adapter with random weights, against PEFT's own model."""

    def build(path: Path) -> Equal:
        base = path.with_name(path.name + "_base")
        decoder(base, tie_word_embeddings=tied, dtype=lora.pop("dtype", torch.float32))
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"],
                    "task_type": "CAUSAL_LM", **lora}  # fmt: skip
        torch.manual_seed(11)
        adapted = get_peft_model(model, LoraConfig(**settings))
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
        adapted.save_pretrained(path)
        change(path / "adapter_config.json", base_model_name_or_path=str(base))
        fresh = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        fresh = PeftModel.from_pretrained(fresh, str(path)).eval()
        core = byte_tokenizer()

        def logits(text: str) -> tuple[list[int], Any]:
            ids = core.encode(text).ids
            with torch.inference_mode():
                return ids, fresh(torch.tensor([ids])).logits[0].numpy()

        return Equal(logits=logits)

    return build


def encoder_adapter(path: Path) -> Equal:
    """An adapter of an encoder, against PEFT's own model."""
    base = encoder_body(path.with_name(path.name + "_base"))
    settings = LoraConfig(r=4, target_modules=["query", "value"], init_lora_weights=False)
    torch.manual_seed(12)
    adapted = get_peft_model(AutoModel.from_pretrained(base, dtype=torch.float32), settings).eval()
    adapted.save_pretrained(path)
    change(path / "adapter_config.json", base_model_name_or_path=str(base))
    core = word_tokenizer()

    def vectors(texts: list[str], _side: Side) -> Vectors:
        rows = [torch.tensor([core.encode(text).ids[:64]]) for text in texts]
        with torch.inference_mode():
            return torch.stack([adapted(row).last_hidden_state[0].mean(0) for row in rows]).numpy()

    return Equal(vectors)


def folder_adapter(path: Path) -> Equal:
    """An adapter that sentence-transformers saved, against the library."""
    from zoo_sentence_transformers import library, plain

    base = path.with_name(path.name + "_base")
    plain(base)
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(base), device="cpu")
    torch.manual_seed(13)
    model.add_adapter(LoraConfig(
        r=4, target_modules=["query", "value"], init_lora_weights=False,
        task_type="FEATURE_EXTRACTION",
    ))  # fmt: skip
    model.save(str(path))
    return Equal(library(path))


def stated(line: str, file: str, **keys: Any) -> Callable[[Path], Refused]:
    """A language model with keys in one of its files that have to be refused."""

    def build(path: Path) -> Refused:
        decoder(path)
        change(path / file, **keys)
        return Refused(line)

    return build


def kinds() -> Iterator[Kind]:
    """All of them."""
    yield from _families()
    yield from _tokenizers()
    yield from _adapters()
    yield from _refused()


def _families() -> Iterator[Kind]:
    for pooling in POOLINGS:
        yield Kind("decoders", f"llama, {pooling}", causal(pooling))
    for family in ("mistral", "qwen2", "qwen3", "gpt2", "gemma", "phi3"):
        more = {"head_dim": 8} if family in ("gemma", "qwen3") else {}
        yield Kind("decoders", family, causal("mean", family, **more))
    for dtype in (torch.bfloat16, torch.float16):
        name = str(dtype).removeprefix("torch.")
        yield Kind("dtypes", f"llama stored in {name}", causal("mean", dtype=dtype))
    left = {"tokenizer_settings": {"padding_side": "left"}}
    yield Kind("decoders", "llama, last, padding left", causal("last", **left))
    yield Kind("decoders", "gpt2, mean, padding left", causal("mean", "gpt2", **left))
    for family in ("bert", "electra", "distilbert", "modernbert"):
        yield Kind("encoders", family, encoder(family))
    for family in ("t5", "mt5", "umt5"):
        encoder_alone = {"auto": AutoModelForTextEncoding, "feed_forward_proj": "gated-gelu",
                         "d_kv": 8, "initializer_factor": 0.5}  # fmt: skip
        yield Kind("encoders", f"{family}, the encoder alone", encoder(family, **encoder_alone))
    for pooling in ("cls", "mean", "last"):
        yield Kind("encoders", f"bert, {pooling}, padding left",
                   encoder("bert", pooling, padding_side="left"))  # fmt: skip
    offset = {"pad_token_id": 1, "tokenizer": word_tokenizer(first=_ROBERTA),
              "max_position_embeddings": 34, "model_max_length": 10**9, "longest": 32}  # fmt: skip
    yield Kind("encoders", "roberta with 34 positions", encoder("roberta", **offset))


_ROBERTA = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]


def _tokenizers() -> Iterator[Kind]:
    named = config_of_tokenizer
    for name in ("LlamaTokenizerFast", "LlamaTokenizer", "GemmaTokenizer"):
        yield Kind("tokenizers", f"byte-level file named {name}",
                   tokenized(named(tokenizer_class=name)))  # fmt: skip
    yield Kind("tokenizers", "another pipeline below qwen2",
               tokenized(lambda _: None, family="qwen2"))  # fmt: skip
    yield Kind("tokenizers", "add_eos_token true, not in the file",
               tokenized(named(add_eos_token=True), behind=[EOS]))  # fmt: skip
    yield Kind("tokenizers", "add_bos_token true, not in the file",
               tokenized(named(add_bos_token=True), before=[BOS], template=None))  # fmt: skip
    both = tokenized(
        named(tokenizer_class="LlamaTokenizerFast", add_bos_token=True, add_eos_token=True),
        before=[BOS], behind=[EOS], template=None,
    )  # fmt: skip
    yield Kind("tokenizers", "LlamaTokenizerFast, BOS and EOS stated", both)


def _adapters() -> Iterator[Kind]:
    variants: dict[str, dict[str, Any]] = {
        "attention": {},
        "embed_tokens": {"target_modules": ["q_proj", "embed_tokens"]},
        "lm_head": {"target_modules": ["q_proj", "lm_head"]},
        "embed_tokens and lm_head": {"target_modules": ["embed_tokens", "lm_head"]},
        "saved embed_tokens and lm_head": {"modules_to_save": ["embed_tokens", "lm_head"]},
        "saved lm_head": {"modules_to_save": ["lm_head"]},
        "saved embed_tokens": {"modules_to_save": ["embed_tokens"]},
        "trainable tokens": {"trainable_token_indices": [10, 20]},
    }
    for name, lora in variants.items():
        yield Kind("adapters", f"{name}, tied base", adapter(True, **lora))
    yield Kind("adapters", "an encoder", encoder_adapter)
    yield Kind("adapters", "saved by sentence-transformers", folder_adapter)
    more: dict[str, dict[str, Any]] = {
        "embed_tokens": {"target_modules": ["q_proj", "embed_tokens"]},
        "DoRA": {"use_dora": True},
        "rsLoRA": {"use_rslora": True},
        "all linear layers": {"target_modules": "all-linear"},
    }
    for name, lora in more.items():
        yield Kind("adapters", name, adapter(False, **lora))


def _refused() -> Iterator[Kind]:
    two = [{"name": "tool_use", "template": "T"}, {"name": "rag", "template": "R"}]
    yield Kind("chat templates", "several, no default",
               stated("chat templates tool_use, rag", "tokenizer_config.json",
                      chat_template=two))  # fmt: skip
    for name, method, line in (
        ("gptq over plain weights", "gptq", "quant_method is 'gptq', but the weights are plain"),
        ("an unknown method", "q9", "quant_method is 'q9', which evalsuite does not know"),
    ):
        keys = {"quantization_config": {"quant_method": method, "bits": 4}}
        yield Kind("quantised", name, stated(line, "config.json", **keys))
    yield from zoo_quantised.kinds()
