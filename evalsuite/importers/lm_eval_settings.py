"""What a result file of lm-eval states of the evaluation: the fields of a signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalsuite.importers.files import finite
from evalsuite.importers.identity import UNKNOWN
from evalsuite.importers.lm_eval_file import LmEvalFile
from evalsuite.importers.lm_eval_model import arguments, context_length
from evalsuite.importers.records import Stated
from evalsuite.schema import digest
from evalsuite.text import word

HASH_DIGITS: Final = 8
ASKED: Final = (
    "dataset_path", "dataset_name", "training_split", "validation_split", "test_split",
    "fewshot_split", "process_docs", "doc_to_text", "doc_to_target", "doc_to_choice", "description",
    "target_delimiter", "fewshot_delimiter", "fewshot_config", "num_fewshot", "gen_prefix",
    "output_type", "generation_kwargs", "repeats", "filter_list", "process_results",
    "use_prompt",
    "metric_list", "should_decontaminate",
)  # fmt: skip
"""Keys of a task's configuration that decide prompts, answers and scores. Others say where the
task is from; ``metadata`` holds arguments of the model too."""


def stated_settings(found: LmEvalFile, entry: str) -> Stated:
    """What a file states of how an entry was evaluated."""
    model = arguments(found.config.get("model_args"))
    caching = model.get("enable_prefix_caching")
    return Stated(
        engine=_word(found.config.get("model")) or UNKNOWN,
        device=(_word(found.config.get("device")) or UNKNOWN).partition(":")[0],
        dtype=_dtype(found.config.get("model_dtype")) or _dtype(model.get("dtype")) or UNKNOWN,
        limit=found.limit,
        max_length=context_length(model),
        shots=found.shots(entry),
        chat_template=_chat_template(found),
        prefix_caching=caching if isinstance(caching, bool) else None,
        seed=_whole(found.config.get("fewshot_seed")),
        definition=_definition(found, found.leaves(entry)),
        settings=_settings(found),
    )


def _definition(found: LmEvalFile, leaves: Sequence[str]) -> str | None:
    """Version, hash of the prompts, generation settings and hash of the configuration."""
    configs: dict[str, Mapping[str, Any]] = {
        leaf: {key: config[key] for key in ASKED if key in config}
        for leaf in leaves
        if (config := found.configs.get(leaf))
    }
    parts = {
        "version": _together({leaf: found.versions.get(leaf) for leaf in leaves}),
        "hash": _together({leaf: found.task_hashes.get(leaf) for leaf in leaves})[:HASH_DIGITS],
        "generation": _generation(list(configs.values())),
        "config": digest(configs)[:HASH_DIGITS] if len(configs) == len(leaves) else "",
    }
    return ", ".join(f"{key} {value}" for key, value in parts.items() if value) or None


def _together(values: Mapping[str, Any]) -> str:
    """The value that all have; where they differ, a hash over them; empty where one has none."""
    if any(value is None for value in values.values()):
        return ""
    different = {_value(value) for value in values.values()}
    if len(different) == 1:
        return different.pop()[: 2 * HASH_DIGITS]
    return f"#{digest(sorted(values.items(), key=lambda item: item[0]))[:HASH_DIGITS]}"


def _generation(configs: Sequence[Mapping[str, Any]]) -> str:
    """Temperature and the like, where all tasks generate alike; ``until`` is in the hash."""
    different = {_options(config.get("generation_kwargs")) for config in configs}
    return different.pop() if len(different) == 1 else ""


def _settings(found: LmEvalFile) -> str | None:
    instruction = found.system_instruction
    system = found.system_instruction_sha or (_sha(instruction) if instruction else "")
    parts = {
        "gen": _options(found.config.get("gen_kwargs")),
        "system": word(system)[:HASH_DIGITS],
        "multiturn": "yes" if found.fewshot_as_multiturn else "",
    }
    return ", ".join(f"{key} {value}" for key, value in parts.items() if value) or None


def _options(given: object) -> str:
    options = arguments(given)
    return " ".join(
        f"{word(key)}={_value(value)}" for key, value in sorted(options.items()) if key != "until"
    )


def _value(value: object) -> str:
    """A value in a list of settings, which commas separate: ``2`` for ``2.0`` too."""
    number = finite(value)
    if number is not None:
        return f"{number:g}"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return word(text.replace(", ", ","))


def _chat_template(found: LmEvalFile) -> str | None:
    """As in signatures: ``none``, 8 digits of its hash, or ``None`` if the file does not say."""
    if found.chat_template_sha:
        return word(found.chat_template_sha)[:HASH_DIGITS]
    if found.chat_template:
        text = found.chat_template
        return _sha(text if isinstance(text, str) else json.dumps(text))[:HASH_DIGITS]
    return "none" if "chat_template" in found.model_fields_set else None


def _dtype(value: object) -> str:
    return (_word(value) or "").removeprefix("torch.")


def _word(value: object) -> str | None:
    return word(value) if isinstance(value, str) and value.strip() else None


def _whole(value: object) -> int | None:
    number = finite(value)
    return None if number is None else int(number)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
