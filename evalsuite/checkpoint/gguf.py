"""What a GGUF file says beyond what transformers reads of it: carried over here, or refused by key.

transformers maps a handful of keys a family to a config and drops the rest in silence. Every key
and tensor that changes what the model computes has to be in one of the tables below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from evalsuite.checkpoint.special_tokens import put_special
from evalsuite.errors import CheckpointError

_HINT: Final = "pass the safetensors checkpoint that the file was made from"

_READ: Final = frozenset({
    "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
    "attention.head_count", "attention.head_count_kv", "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon", "attention.key_length", "attention.value_length",
    "attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping",
    "rope.freq_base", "rope.dimension_count", "tensor_data_layout",
})  # fmt: skip
"""Keys of a family that transformers reads or that are carried over here."""
_READ_BEGINNINGS: Final = ("rope.scaling.", "expert_", "ssm.", "shortconv.", "full_attention")
_READ_BY_FAMILY: Final = {
    "t5": ("attention.relative_buckets_count", "decoder_start_token_id"),
    "falcon": ("attention.use_norm",),
    "qwen35": ("rope.dimension_sections", "nextn_predict_layers"),
}
_TRUE: Final = {"attention.causal": True, "use_parallel_residual": None}
"""Keys that must have this value; ``None``: any, since the family has it built in."""
_ROPE_KEYS: Final = {
    "factor", "type", "original_context_length", "finetuned", "attn_factor", "yarn_log_multiplier",
    "yarn_beta_fast", "yarn_beta_slow", "yarn_attn_factor",
}  # fmt: skip
_SPLITS: Final = frozenset({
    "default", "gpt-2", "gpt2", "mpt", "olmo", "smollm", "starcoder", "refact", "command-r",
    "codeshell", "exaone", "minerva-7b",
})  # fmt: skip
"""``tokenizer.ggml.pre``: splittings of GPT-2's kind, which transformers takes where it knows no
other. Some of them also part digits, which merges learned on parted digits never join again."""
_BOS_BY_DEFAULT: Final = frozenset({
    "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "tekken",
})  # fmt: skip
"""``tokenizer.ggml.pre``: vocabularies that llama.cpp puts BOS before where no key says so."""
_POOLINGS: Final = {1: "mean", 2: "cls", 3: "last"}
_ROTARY: Final = "rope_freqs.weight"


def read_metadata(path: Path) -> tuple[dict[str, Any], dict[str, int], Any]:
    """Read a GGUF file's keys and tensors.

    Returns:
        Key → value, long arrays left out; tensor → number of its entries; the factors of
        ``rope_freqs.weight``, or ``None``.
    """
    from gguf import GGUFReader, GGUFValueType

    reader = GGUFReader(path)
    values = {
        key: field.contents()
        for key, field in reader.fields.items()
        if not key.startswith("GGUF.")
        and not (field.types[:1] == [GGUFValueType.ARRAY] and key.startswith("tokenizer."))
    }
    tensors = {tensor.name: int(tensor.n_elements) for tensor in reader.tensors}
    factors = next((one.data.copy() for one in reader.tensors if one.name == _ROTARY), None)
    return values, tensors, factors


def check_keys(path: Path, values: dict[str, Any]) -> None:
    """Refuse keys of the model's family that nothing here carries over.

    Raises:
        CheckpointError: Naming the first of them.
    """
    family = str(values.get("general.architecture"))
    known = _READ | set(_READ_BY_FAMILY.get(family, ())) | {"pooling_type"}
    for key, value in values.items():
        if not key.startswith(f"{family}."):
            continue
        name = key.removeprefix(f"{family}.")
        if name in _TRUE and _TRUE[name] in (None, value):
            continue
        rope = name.removeprefix("rope.scaling.")
        if name in known or (name.startswith(_READ_BEGINNINGS) and rope in (name, *_ROPE_KEYS)):
            continue
        raise _refused(path, key, value)
    if (pooling := values.get(f"{family}.pooling_type", 0)) not in (0, *_POOLINGS):
        raise _refused(path, f"{family}.pooling_type", pooling)
    kind, split = values.get("tokenizer.ggml.model"), values.get("tokenizer.ggml.pre")
    if kind == "gpt2" and split is not None and not _is_known_split(split):
        raise CheckpointError(
            f"{path}: tokenizer.ggml.pre is {split!r}, a way to split texts that evalsuite does "
            "not know",
            _HINT,
        )


def pooling_of(values: dict[str, Any]) -> str | None:
    """The pooling that the file states for embeddings (``llama_pooling_type`` of llama.cpp)."""
    family = str(values.get("general.architecture"))
    return _POOLINGS.get(values.get(f"{family}.pooling_type", 0))


def carry_over(path: Path, config: Any, values: dict[str, Any], factors: Any) -> list[str]:
    """Change a config that transformers made of a GGUF file to what the file says.

    Args:
        path: The file, for messages.
        config: Of transformers; changed in place.
        values: Of :func:`read_metadata`.
        factors: Of ``rope_freqs.weight``.

    Returns:
        What was changed, one word each.

    Raises:
        CheckpointError: If the family cannot express a key.
    """
    family = str(values.get("general.architecture"))
    own = {
        key.removeprefix(f"{family}."): value
        for key, value in values.items()
        if key.startswith(f"{family}.")
    }
    text = config.get_text_config()
    changed = _head_size(path, family, text, own)
    for key, name in (
        ("attention.sliding_window", "sliding_window"),
        ("attn_logit_softcapping", "attn_logit_softcapping"),
        ("final_logit_softcapping", "final_logit_softcapping"),
    ):
        if own.get(key) and not _is_same(getattr(text, name, None), own[key]):
            # A family without the attribute would not look at it.
            if not hasattr(text, name) or family in ("llama", "qwen2", "qwen3"):
                raise _refused(path, f"{family}.{key}", own[key])
            setattr(text, name, own[key])
            changed.append(name.replace("_", "-"))
    return changed + _rope(path, family, text, own, factors)


def check_all_placed(path: Path, tensors: dict[str, int], model: Any) -> None:
    """Check that the model has as many parameters as the file has numbers.

    Raises:
        CheckpointError: If tensors of the file were left out, or parameters were made up.
    """
    stored = sum(count for name, count in tensors.items() if name != _ROTARY)
    placed = sum(parameter.numel() for parameter in model.parameters())
    if stored != placed:
        raise CheckpointError(
            f"{path} has {stored:,} numbers in its tensors, but transformers makes a model of "
            f"{placed:,} of them",
            _HINT,
        )


def settle_ends(tokenizer: Any, values: dict[str, Any]) -> list[str]:
    """Have a tokenizer put BOS and EOS as the file says, or as llama.cpp does by default.

    Args:
        tokenizer: Of transformers; changed in place.
        values: Of :func:`read_metadata`.

    Returns:
        What was changed: ``bos``, ``no-bos``, ``eos``, ``no-eos``.
    """
    kind, split = values.get("tokenizer.ggml.model"), values.get("tokenizer.ggml.pre")
    default = kind == "llama" or (kind == "gpt2" and split in _BOS_BY_DEFAULT)
    bos = bool(values.get("tokenizer.ggml.add_bos_token", default))
    eos = bool(values.get("tokenizer.ggml.add_eos_token", kind == "t5"))
    ids = list(tokenizer("a")["input_ids"])
    has_bos = tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]
    has_eos = tokenizer.eos_token_id is not None and ids[-1:] == [tokenizer.eos_token_id]
    bos, eos = bos and tokenizer.bos_token is not None, eos and tokenizer.eos_token is not None
    changes: list[str] = []
    if (has_bos and not bos) or (has_eos and not eos):
        tokenizer.backend_tokenizer.post_processor = None
        changes += (["no-bos"] if has_bos and not bos else []) + (
            ["no-eos"] if has_eos and not eos else []
        )
        has_bos = has_eos = False
    for name, wanted, there in (("bos", bos, has_bos), ("eos", eos, has_eos)):
        if wanted and not there:
            token = getattr(tokenizer, f"{name}_token")
            number = getattr(tokenizer, f"{name}_token_id")
            put_special(tokenizer.backend_tokenizer, token, number, behind=name == "eos")
            changes.append(name)
    return changes


def _head_size(path: Path, family: str, text: Any, own: dict[str, Any]) -> list[str]:
    heads = text.num_attention_heads
    size = own.get("attention.key_length")
    plain = text.hidden_size // heads if heads else None
    rotary = own.get("rope.dimension_count")
    if size and own.get("attention.value_length", size) != size:
        raise _refused(path, f"{family}.attention.value_length", own["attention.value_length"])
    whole = size or getattr(text, "head_dim", None) or plain
    partial = getattr(text, "partial_rotary_factor", None)
    if rotary and not partial and rotary != (size or plain) and family not in ("gemma4", "qwen35"):
        raise _refused(path, f"{family}.rope.dimension_count", rotary)
    if rotary and partial and whole and not _is_same(partial * whole, rotary):
        raise _refused(path, f"{family}.rope.dimension_count", rotary)
    if not size or family in ("t5", "umt5", "gemma4", "qwen35", "qwen35moe"):
        return []
    if size == getattr(text, "head_dim", plain):
        return []
    if not hasattr(text, "head_dim"):
        raise _refused(path, f"{family}.attention.key_length", size)
    text.head_dim = size
    return ["head-size"]


def _rope(path: Path, family: str, text: Any, own: dict[str, Any], factors: Any) -> list[str]:
    """Scaling of rotary positions."""
    kind = own.get("rope.scaling.type", "linear" if "rope.scaling.factor" in own else "none")
    theta = float(own.get("rope.freq_base", 10000.0))
    found: dict[str, Any] = {}
    if factors is not None:
        found = _llama3(path, factors, theta, own)
    elif kind == "linear":
        found = {"rope_type": "linear", "factor": float(own["rope.scaling.factor"])}
    elif kind == "yarn":
        found = _yarn(path, family, own)
    elif kind not in ("none", None):
        raise _refused(path, f"{family}.rope.scaling.type", kind)
    if not found or found.get("factor") == 1.0:
        return []
    parameters = getattr(text, "rope_parameters", None)
    if parameters is None:
        raise _refused(path, f"{family}.rope.scaling.type", kind)
    # Families with windows scale the layers that see everything.
    place = parameters.get("full_attention", parameters)
    place.update({"rope_theta": place.get("rope_theta", theta), **found})
    return [f"rope-{found['rope_type']}"]


def _yarn(path: Path, family: str, own: dict[str, Any]) -> dict[str, Any]:
    before = own.get("rope.scaling.original_context_length")
    if not before:
        raise CheckpointError(
            f"{path}: {family}.rope.scaling.type is 'yarn', but {family}.rope.scaling."
            "original_context_length is missing",
            _HINT,
        )
    found = {
        "rope_type": "yarn",
        "factor": float(own["rope.scaling.factor"]),
        "original_max_position_embeddings": int(before),
    }
    for key, name in (("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")):
        if (value := own.get(f"rope.scaling.{key}")) is not None:
            found[name] = float(value)
    for key in ("attn_factor", "yarn_attn_factor", "yarn_log_multiplier"):
        # What llama.cpp multiplies its own attention factor with; 1 and 0 change nothing.
        if (value := own.get(f"rope.scaling.{key}")) not in (None, 0.0, 1.0):
            raise _refused(path, f"{family}.rope.scaling.{key}", value)
    return found


def _llama3(path: Path, factors: Any, theta: float, own: dict[str, Any]) -> dict[str, Any]:
    """The parameters of Llama 3 that give these factors.

    llama.cpp's converter writes, for each pair of dimensions, what the frequency is divided by.

    Raises:
        CheckpointError: If no context length of a power of two does.
    """
    wanted = [float(value) for value in factors]
    factor = round(max(wanted), 4)
    stated = own.get("rope.scaling.original_context_length")
    for before in [*([int(stated)] if stated else []), *(2**power for power in range(4, 21))]:
        found = _llama3_factors(theta, 2 * len(wanted), factor, before)
        if all(
            math.isclose(one, two, rel_tol=1e-3) for one, two in zip(found, wanted, strict=True)
        ):
            return {
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": before,
            }
    raise CheckpointError(
        f"{path}: the factors in {_ROTARY} are not those of Llama 3's scaling",
        _HINT,
    )


def _llama3_factors(theta: float, size: int, factor: float, before: int) -> Sequence[float]:
    """What Llama 3 divides the frequencies by (``modeling_rope_utils`` of transformers)."""
    found = []
    for pair in range(0, size, 2):
        length = 2 * math.pi * theta ** (pair / size)
        if length < before / 4.0:
            found.append(1.0)
        elif length > before:
            found.append(factor)
        else:
            smooth = (before / length - 1.0) / 3.0
            found.append(1.0 / ((1.0 - smooth) / factor + smooth))
    return found


def _is_known_split(split: object) -> bool:
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    return split in _SPLITS or split in GGUF_PRE_TOKENIZER_SPLITS


def _is_same(one: Any, two: Any) -> bool:
    if one is None or two is None:
        return one is two
    return math.isclose(cast(float, one), cast(float, two), rel_tol=1e-6)


def _refused(path: Path, key: str, value: object) -> CheckpointError:
    shown = value if isinstance(value, str | int | float) else type(value).__name__
    return CheckpointError(
        f"{path}: {key} is {shown!r}, which evalsuite cannot carry over to transformers", _HINT
    )
