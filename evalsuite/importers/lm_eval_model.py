"""What a result file of lm-eval states about the model: who was evaluated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from evalsuite.importers.identity import ImportedModel, earlier_fingerprint, is_path
from evalsuite.text import plain

NAMES: Final = ("pretrained", "model", "path", "engine")
"""Arguments of lm-eval's models that name the checkpoint."""
REVISION: Final = "revision"
LENGTHS: Final = ("max_length", "max_model_len")
"""Arguments that give the context length."""
SETTINGS: Final = frozenset({"dtype", "enable_prefix_caching", *LENGTHS})
"""Arguments that have a field of the signature to themselves."""
MACHINERY: Final = frozenset({
    "accelerate", "api_key", "attn_implementation", "auth_token", "backend", "base_url",
    "batch_size", "cache_dir", "cpu_offload_gb", "data_parallel_size", "device", "device_map",
    "device_map_option", "disable_custom_all_reduce", "disable_log_stats",
    "distributed_executor_backend", "download_dir", "enable_expert_parallel", "enforce_eager",
    "gpu_memory_utilization", "gpus", "header", "hf_token", "kv_cache_memory_bytes",
    "logits_cache", "low_cpu_mem_usage", "max_batch_size", "max_cpu_memory",
    "max_memory_per_gpu", "max_num_batched_tokens", "max_num_seqs", "max_retries",
    "mixed_precision", "num_concurrent", "offload_folder", "parallelize",
    "pipeline_parallel_size", "seed", "swap_space", "tensor_parallel_size", "timeout", "token",
    "trust_remote_code", "use_fast_tokenizer", "verify_certificate",
})  # fmt: skip
"""Arguments that say how the model was run, not which one it is; and secrets."""
OFF_BY_DEFAULT: Final = frozenset({"load_in_4bit", "load_in_8bit", "autogptq", "gptqmodel"})
"""Arguments of which ``False`` says the same as their absence."""
HASHES: Final = ("peft_sha", "delta_sha")
"""What lm-eval found out about adapters, beside ``model_sha``."""

_SNAPSHOT = re.compile(r"/models--([^/]+)/snapshots/([^/]+)/?$")
"""A model in the hub's cache: its name, with ``--`` for ``/``, and its commit."""
MOST_JSON: Final = 10_000
"""Characters of an argument that is read as JSON."""
_OPENING, _CLOSING = "{[(", ")]}"


def stated_model(
    config: Mapping[str, Any], shown: str | None, path: Path, *, name: str | None, given: str | None
) -> ImportedModel:
    """The model of a result file.

    Args:
        config: ``config`` of the file.
        shown: ``model_name`` of the file.
        path: The file, whose folder names the model where nothing in it does.
        name: What to call the model instead; then nothing else distinguishes it.
        given: Its revision, where the file states none.
    """
    stated = arguments(config.get("model_args"))
    model = next((str(stated[key]) for key in NAMES if stated.get(key)), None) or shown
    model = plain(model or path.absolute().parent.name, 400).rstrip("/") or "unnamed"
    revision = _first(config.get("model_sha"), config.get("model_revision"), stated.get(REVISION))
    earlier = earlier_fingerprint(
        name or _earlier_name(model),
        _first(config.get("model_revision"), config.get("model_sha")) or given,
    )
    if (cached := _SNAPSHOT.search(model)) is not None:
        model, revision = cached[1].replace("--", "/", 1), plain(cached[2], 80)
    traits = {**_traits(stated), **{key: config[key] for key in HASHES if config.get(key)}}
    return ImportedModel(
        model=name or model,
        revision=revision or given,
        traits={} if name else traits,
        earlier=frozenset({earlier}),
    )


def arguments(given: object) -> dict[str, Any]:
    """``model_args`` or ``gen_kwargs`` as a mapping, without those that are ``None``.

    Args:
        given: A mapping, JSON text of one, or ``key=value,key=value``.
    """
    if isinstance(given, str):
        given = _from_json(given) or dict(_pairs(given))
    if not isinstance(given, Mapping):
        return {}
    return {str(key): value for key, value in given.items() if value is not None}


def context_length(stated: Mapping[str, Any]) -> int | None:
    """The context length that some arguments give."""
    found = (stated.get(key) for key in LENGTHS)
    return next((n for n in found if isinstance(n, int) and not isinstance(n, bool)), None)


def _traits(stated: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {*NAMES, REVISION, *SETTINGS, *MACHINERY}
    return {
        plain(key, 80): plain(value, 400) if isinstance(value, str) else value
        for key, value in sorted(stated.items())
        if key not in left_out and not (key in OFF_BY_DEFAULT and value is False)
    }


def _first(*values: object) -> str | None:
    return next((plain(str(value), 80) for value in values if value), None)


def _earlier_name(model: str) -> str:
    """What earlier versions of evalsuite called a model: of a path, its last folder."""
    return plain(model.rpartition("/")[2] if is_path(model) else model, 200) or "unnamed"


def _from_json(text: str) -> Any:
    """The object or list of a JSON text; ``None`` where it is none that could be stored."""
    if text.lstrip()[:1] not in ("{", "[") or len(text) > MOST_JSON:
        return None
    with suppress(ValueError, RecursionError):
        found = json.loads(text, parse_constant=str)
        json.dumps(found, ensure_ascii=False).encode()  # no half of a surrogate pair
        return found
    return None


def _pairs(text: str) -> Iterator[tuple[str, Any]]:
    for part in _parts(text):
        key, given, value = part.partition("=")
        if given and key.strip():
            yield key.strip(), _typed(value.strip())


def _parts(text: str) -> Iterator[str]:
    """The text between commas that stand in no brackets and no quotes."""
    depth, quote, start = 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character == '"':
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth <= 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _typed(text: str) -> Any:
    """A value as lm-eval reads it from a command line; JSON where it is an object or a list."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if (word := text.lower()) in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word]
    if (found := _from_json(text)) is not None:
        return found
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", text, re.IGNORECASE):
        return float(text)
    return text
