"""GGUF files, written from weights whose logits are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from zoo import Equal, Kind, Refused, Side
from zoo_parts import BOS, EOS, byte_tokenizer

Keys = Callable[[gguf.GGUFWriter], None]
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
"""Tensors of a layer in transformers and in llama.cpp."""
BEFORE = 32
"""Context length before it was made longer."""


@dataclass(frozen=True)
class File:
    """A Llama in a GGUF file.

    Attributes:
        rope: What transformers calls the scaling of its positions.
        keys: Writes further keys.
        factors: Of ``rope_freqs.weight``.
        tied: Whether input and output embeddings are one.
        config: Settings of the model.
        bos: ``add_bos_token``; ``None`` for no such key.
        eos: ``add_eos_token``.
        split: ``tokenizer.ggml.pre``.
        ids: Special tokens around the ids of a text: before, behind.
    """

    rope: dict[str, Any] = field(default_factory=dict)
    keys: Keys = lambda _: None
    factors: Any = None
    tied: bool = False
    config: dict[str, Any] = field(default_factory=dict)
    bos: bool | None = False
    eos: bool | None = None
    split: str = "default"
    ids: tuple[list[int], list[int]] = ([], [])
    pooled: bool = False
    """Whether vectors are compared, too: those of the last token."""


def written(file: File) -> Callable[[Path], Equal]:
    """Write the file; right are the logits of the same weights, rounded to bfloat16."""

    def build(folder: Path) -> Equal:
        folder.mkdir()
        core = byte_tokenizer(None)
        torch.manual_seed(5)
        config = LlamaConfig(**{
            "vocab_size": core.get_vocab_size(), "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": 256, "initializer_range": 0.15, "bos_token_id": BOS,
            "eos_token_id": EOS, "tie_word_embeddings": file.tied,
            "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default", **file.rope},
            **file.config,
        })  # fmt: skip
        model = LlamaForCausalLM(config).eval()
        _write(folder / "m.gguf", file, model, core)
        rounded = {name: value.bfloat16().float() for name, value in model.state_dict().items()}
        model.load_state_dict(rounded)

        def logits(text: str) -> tuple[list[int], Any]:
            before, behind = file.ids
            ids = [*before, *core.encode(text).ids, *behind]
            # Long enough for positions to matter.
            with torch.inference_mode():
                return ids, model(torch.tensor([ids])).logits[0].numpy()

        def last(texts: list[str], _side: Side) -> Any:
            rows = [core.encode(text).ids or [EOS] for text in texts]
            with torch.inference_mode():
                hidden = [model.model(torch.tensor([ids])).last_hidden_state for ids in rows]
            return torch.stack([one[0, -1] for one in hidden]).numpy()

        vectors = last if file.pooled else None
        return Equal(vectors, logits=logits, source=folder / "m.gguf")

    return build


def refused(file: File, line: str) -> Callable[[Path], Refused]:
    """Write the file; right is that it is refused."""

    def build(folder: Path) -> Refused:
        written(file)(folder)
        return Refused(line, source=folder / "m.gguf")

    return build


def _write(path: Path, file: File, model: Any, core: Any) -> None:
    config = model.config
    words = sorted(core.get_vocab(), key=core.get_vocab().get)
    one = gguf.GGUFWriter(str(path), "llama")
    one.add_block_count(2)
    one.add_context_length(config.max_position_embeddings)
    one.add_embedding_length(64)
    one.add_feed_forward_length(96)
    one.add_head_count(4)
    one.add_head_count_kv(2)
    one.add_layer_norm_rms_eps(config.rms_norm_eps)
    one.add_rope_freq_base(10000.0)
    one.add_rope_dimension_count(config.head_dim)
    one.add_vocab_size(len(words))
    one.add_tokenizer_model("gpt2")
    one.add_tokenizer_pre(file.split)
    one.add_token_list(words)
    special = {"<unk>", "<s>", "</s>"}
    one.add_token_types([3 if word in special else 1 for word in words])
    merges = __import__("json").loads(core.to_str())["model"]["merges"]
    one.add_token_merges([" ".join(pair) for pair in merges])
    one.add_bos_token_id(BOS)
    one.add_eos_token_id(EOS)
    one.add_unk_token_id(0)
    if file.bos is not None:
        one.add_add_bos_token(file.bos)
    if file.eos is not None:
        one.add_add_eos_token(file.eos)
    file.keys(one)
    _tensors(one, file, model)
    one.write_header_to_file()
    one.write_kv_data_to_file()
    one.write_tensors_to_file()
    one.close()


def _tensors(one: gguf.GGUFWriter, file: File, model: Any) -> None:
    weights = {name: value.numpy().astype(np.float32) for name, value in model.state_dict().items()}
    one.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    one.add_tensor("output_norm.weight", weights["model.norm.weight"])
    if not file.tied:
        one.add_tensor("output.weight", weights["lm_head.weight"])
    if file.factors is not None:
        one.add_tensor("rope_freqs.weight", np.asarray(file.factors, dtype=np.float32))
    for layer in range(2):
        for theirs, ours in NAMES.items():
            value = weights[f"model.layers.{layer}.{theirs}.weight"]
            heads = {"attn_q": 4, "attn_k": 2}.get(ours)
            if heads:
                # llama.cpp turns neighbouring pairs, transformers halves.
                halves = value.reshape(heads, 2, value.shape[0] // heads // 2, *value.shape[1:])
                value = halves.swapaxes(1, 2).reshape(value.shape)
            one.add_tensor(f"blk.{layer}.{ours}.weight", np.ascontiguousarray(value))


def llama3_factors(factor: float = 8.0, size: int = 16) -> list[float]:
    """What llama.cpp's converter writes for Llama 3.1's scaling."""
    found = []
    for pair in range(0, size, 2):
        length = 2 * math.pi / (1.0 / 10000.0 ** (pair / size))
        if length < BEFORE / 4:
            found.append(1.0)
        elif length > BEFORE:
            found.append(factor)
        else:
            smooth = (BEFORE / length - 1.0) / (4.0 - 1.0)
            found.append(1.0 / ((1.0 - smooth) / factor + smooth))
    return found


def linear(one: gguf.GGUFWriter) -> None:
    """Positions divided by eight."""
    one.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    one.add_rope_scaling_factor(8.0)


def yarn(one: gguf.GGUFWriter) -> None:
    """YaRN by eight."""
    one.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    one.add_rope_scaling_factor(8.0)
    one.add_rope_scaling_orig_ctx_len(BEFORE)


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": BEFORE}  # fmt: skip
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": BEFORE}


def kinds() -> Iterator[Kind]:
    """All of them."""
    right = {
        "plain": File(),
        "tied embeddings": File(tied=True),
        "linear scaling": File({"rope_type": "linear", "factor": 8.0}, linear),
        "YaRN": File(YARN, yarn),
        "rope_freqs of Llama 3": File(LLAMA3, factors=llama3_factors()),
        "attention.key_length 32": File(
            config={"head_dim": 32},
            keys=lambda one: (one.add_key_length(32), one.add_value_length(32)),
        ),
        "add_bos_token true": File(bos=True, ids=([BOS], [])),
        "add_bos_token and add_eos_token": File(bos=True, eos=True, ids=([BOS], [EOS])),
        "pooling_type last": File(
            pooled=True, keys=lambda one: one.add_pooling_type(gguf.PoolingType.LAST)
        ),
        "no key about BOS, llama-bpe": File(bos=None, split="llama-bpe", ids=([BOS], [])),
    }
    for name, file in right.items():
        yield Kind("GGUF", name, written(file))
    wrong: dict[str, tuple[File, str]] = {
        "attention.sliding_window": (
            File(keys=lambda one: one.add_sliding_window(16)),
            "llama.attention.sliding_window is 16",
        ),
        "attn_logit_softcapping": (
            File(keys=lambda one: one.add_attn_logit_softcapping(50.0)),
            "llama.attn_logit_softcapping is 50",
        ),
        "logit_scale": (
            File(keys=lambda one: one.add_logit_scale(0.5)), "llama.logit_scale is 0.5"
        ),
        "longrope": (
            File(keys=lambda one: one.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)),
            "llama.rope.scaling.type is 'longrope'",
        ),
        "rope_freqs of another kind": (
            File(factors=[1, 2, 3, 4, 5, 6, 7, 8]), "not those of Llama 3"
        ),
        "an unknown way to split": (File(split="viking"), "tokenizer.ggml.pre is 'viking'"),
        "a part of each head rotates": (
            File(keys=lambda one: one.add_key_length(32)), "rope.dimension_count is 16"
        ),
    }  # fmt: skip
    for name, (file, line) in wrong.items():
        yield Kind("GGUF", name, refused(file, line))
