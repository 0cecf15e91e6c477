"""How each kind of checkpoint embeds by default, and what a person may change about it."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from evalsuite.checkpoint.folder import Folder
from evalsuite.checkpoint.models import (
    CheckpointKind,
    CheckpointOptions,
    EmbeddingProtocol,
    Wrapper,
)
from evalsuite.checkpoint.modules import brought
from evalsuite.checkpoint.positions import pads_left_with_absolute_positions
from evalsuite.errors import UsageError, did_you_mean

WRAPPERS: Final[dict[str, Wrapper]] = {
    "gritlm": Wrapper(
        template="<|user|>\n{instruction}\n<|embed|>\n",
        bare="<|embed|>\n",
    ),
    "zephyr": Wrapper(template="<|user|>\n{instruction}</s>\n<|assistant|>\n"),
    "tulu": Wrapper(template="<|user|>\n{instruction}\n<|assistant|>\n"),
    "mistral": Wrapper(template="[INST] {instruction} [/INST] "),
    "e5-instruct": Wrapper(template="Instruct: {instruction}\nQuery: ", strip=False),
    "qwen3": Wrapper(template="Instruct: {instruction}\nQuery:", strip=False),
    "raw": Wrapper(template="{instruction}", strip=False),
}
"""Texts around an instruction.

``gritlm`` to ``mistral`` are ``--instruction_format`` of the GRIT authors' ``eval_mteb.py``.
``e5-instruct`` and ``qwen3`` (Qwen3-Embedding) are the templates of mteb's loaders for these
models. ``raw`` gives an instruction as it is, for sets that end in their own separator.
"""

QUERIES_ONLY: Final = ("e5-instruct", "qwen3")
"""Wrappers of models that were trained with instructions before queries alone."""

PAPER_LENGTH: Final = 512
"""Tokens, instruction and BOS included: the GRIT paper's limit for MTEB (Appendix E)."""

Preset = Literal["grit", "raw-llm", "sentence-transformers", "encoder"]

_PRESET_OF_KIND: Final[dict[CheckpointKind, Preset]] = {
    "grit": "grit",
    "causal": "raw-llm",
    "sentence-transformers": "sentence-transformers",
    "encoder": "encoder",
}


def embedding_protocol(
    kind: CheckpointKind, folder: Folder, options: CheckpointOptions
) -> EmbeddingProtocol | None:
    """Put together how a checkpoint embeds: a preset, then the overrides.

    Args:
        kind: What the checkpoint was taken for.
        folder: Its small files.
        options: ``protocol`` chooses the preset, the others change parts of it.

    Returns:
        ``None`` for ``generative``.

    Raises:
        UsageError: Where an override is unknown or the engine cannot honour it.
    """
    if kind == "generative":
        return None
    name: Preset = options.protocol or _PRESET_OF_KIND[kind]
    trusted = options.trust_remote_code
    start = _preset(_within_engine(name, kind, options), folder, trusted=trusted)
    changes: dict[str, Any] = {
        key: value
        for key in ("attention", "pooling", "pool_instruction", "normalize", "max_length")
        if (value := getattr(options, key)) is not None
    }
    if (wrapper := _wrapper(start, options)) != start.wrapper:
        changes["wrapper"] = wrapper
        changes["queries_only"] = options.wrapper in QUERIES_ONLY
    if options.wrapper is not None and start.instructions == "none":
        changes["instructions"] = "task"  # a wrapper alone would have nothing to wrap
    if options.instructions is not None:
        changes["instructions"] = options.instructions
    return _checked(start.model_copy(update=changes))


def parse_wrapper(text: str) -> Wrapper:
    r"""Read a wrapper's name, or a template that has ``{instruction}``.

    In a template, the two characters ``\n`` mean a newline, which is awkward to type in a shell.
    A template that is nothing but ``{instruction}`` is ``raw``: it strips nothing.

    Raises:
        UsageError: For an unknown name.
    """
    if text == WRAPPERS["raw"].template:
        return WRAPPERS["raw"]
    if "{instruction}" in text:
        _check_fields("--wrapper", text)
        return Wrapper(template=_with_newlines(text))
    if text not in WRAPPERS:
        raise UsageError(
            f"unknown wrapper {text!r} (a template needs {{instruction}})",
            did_you_mean(text, WRAPPERS),
        )
    return WRAPPERS[text]


def _check_fields(option: str, text: str) -> None:
    """Refuse names in braces that nothing is put in place of.

    Raises:
        UsageError: For any but ``{instruction}``.
    """
    for name in re.findall(r"\{(\w+)\}", text):
        if name != "instruction":
            raise UsageError(
                f"{option} {text!r} has {{{name}}}, which nothing is put in place of",
                "a wrapper knows {instruction}; the text to embed follows it",
            )


def unusual_bare(wrapper: Wrapper) -> str | None:
    """What a wrapper puts before texts without an instruction, where its template does not say it.

    Returns:
        ``None`` where it is that of the built-in wrapper with the same template, or nothing for
        a template of one's own.
    """
    usual = next((one.bare for one in WRAPPERS.values() if one.template == wrapper.template), "")
    return None if wrapper.bare == usual else wrapper.bare


def _wrapper(start: EmbeddingProtocol, options: CheckpointOptions) -> Wrapper | None:
    """The wrapper after both of its options."""
    wrapper = start.wrapper if options.wrapper is None else parse_wrapper(options.wrapper)
    if options.bare_wrapper is None:
        return wrapper
    if wrapper is None:
        raise UsageError(
            "--bare-wrapper needs a wrapper, of which it is the form without an instruction",
            f"add --wrapper {'|'.join(WRAPPERS)} or a template with {{instruction}}",
        )
    if "{instruction}" in options.bare_wrapper:
        raise UsageError(
            "--bare-wrapper has {instruction}, but is used where there is none",
            "leave {instruction} out",
        )
    _check_fields("--bare-wrapper", options.bare_wrapper)
    return wrapper.model_copy(update={"bare": _with_newlines(options.bare_wrapper)})


def _with_newlines(text: str) -> str:
    return text.replace("\\n", "\n")


def _within_engine(name: Preset, kind: CheckpointKind, options: CheckpointOptions) -> Preset:
    """Leave the sentence-transformers preset where it cannot honour an override."""
    brought = ("attention", "pooling", "pool_instruction")
    overridden = [k.replace("_", "-") for k in brought if getattr(options, k) is not None]
    if name != "sentence-transformers" or not overridden:
        return name
    if kind == "sentence-transformers":
        raise UsageError(
            f"--{overridden[0]} cannot be changed for a sentence-transformers model, which "
            "brings its own",
            "pass --as grit, causal or encoder to embed with its weights alone",
        )
    return _PRESET_OF_KIND[kind]


def _preset(name: Preset, folder: Folder, *, trusted: bool) -> EmbeddingProtocol:
    length = min(PAPER_LENGTH, folder.max_positions or PAPER_LENGTH)
    if name == "grit":
        return EmbeddingProtocol(
            engine="transformers",
            wrapper=WRAPPERS["gritlm"],
            instructions="e5",
            attention="bidirectional",
            pooling="mean",
            max_length=length,
        )
    if name == "raw-llm":
        return EmbeddingProtocol(
            engine="transformers",
            attention="causal",
            pooling="weighted_mean",
            max_length=length,
        )
    if name == "encoder":
        return EmbeddingProtocol(engine="transformers", pooling="mean", max_length=length)
    if not folder.modules:
        raise UsageError(
            f"--protocol sentence-transformers needs modules.json, which {folder.path} lacks",
            "pass --protocol grit or raw-llm",
        )
    own = brought(folder, trusted=trusted)
    return EmbeddingProtocol(
        engine="sentence-transformers",
        instructions="model" if own.prompts else "none",
        prompts=own.prompts,
        default_prompt=own.default_prompt,
        similarity=own.similarity,
        routed=own.routed,
        modules=own.modules,
        pooling="model",
        pad_right=pads_left_with_absolute_positions(folder),
    )


def _checked(protocol: EmbeddingProtocol) -> EmbeddingProtocol:
    """Refuse what would be left out silently."""
    if protocol.pool_instruction and (
        protocol.wrapper is None or protocol.pooling not in ("mean", "weighted_mean")
    ):
        raise UsageError(
            "--pool-instruction: only a mean leaves an instruction out, where a wrapper puts one",
            "leave it out, or add --pooling mean and --wrapper",
        )
    if protocol.instructions == "model":
        if not protocol.prompts:
            raise UsageError(
                "--instructions model: this checkpoint brings no prompts that its engine uses",
                "pass --instructions task, e5 or none",
            )
        if protocol.wrapper is not None:
            raise UsageError(
                "--wrapper: the prompts that this checkpoint brings are used as they are",
                "add --instructions task or e5 to use others",
            )
        return protocol
    if protocol.instructions != "none" and protocol.wrapper is None:
        raise UsageError(
            f"--instructions {protocol.instructions} needs a wrapper to put them in",
            f"add --wrapper {'|'.join(WRAPPERS)} or a template with {{instruction}}",
        )
    return protocol.model_copy(update={"prompts": {}, "default_prompt": None})
