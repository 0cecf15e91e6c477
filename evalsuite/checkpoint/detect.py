"""What a checkpoint is, from its small files, with the evidence for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evalsuite.checkpoint.folder import TOKENIZER_FILES, Folder
from evalsuite.checkpoint.models import CheckpointKind
from evalsuite.errors import CheckpointError
from evalsuite.schema import World

EMBED_TOKEN: Final = "<|embed|>"  # noqa: S105 - a token of the GRIT format, not a password
_GRIT_NAME = re.compile(r"(?<![a-z])grit(lm)?(?![a-z])", re.IGNORECASE)
_HEADS = ("ForCausalLM", "LMHeadModel")
_ENCODERS = ("Model", "ForMaskedLM", "ForPreTraining")


@dataclass(frozen=True, slots=True)
class Detection:
    """A kind, why it was taken, and the worlds it leaves out with the reason."""

    kind: CheckpointKind
    evidence: tuple[str, ...]
    cannot: dict[World, str] = field(default_factory=dict)


def detect(
    folder: Folder, names: Sequence[str] = (), override: CheckpointKind | None = None
) -> Detection:
    """Detect what a checkpoint is.

    In order: ``modules.json`` without a sign of GRIT is a sentence-transformers model; a
    language model with a sign of GRIT is ``grit``, without one ``causal``; other known
    architectures are encoders.

    Args:
        folder: A loadable folder.
        names: Folder, adapter or hub names it goes by. A name decides nothing; one with ``grit``
            is remarked on.
        override: Take it for this kind instead.

    Raises:
        CheckpointError: Where nothing fits, or the override cannot work.
    """
    architecture = _architecture(folder)
    grit = _grit_sign(folder)
    if override:
        kind: CheckpointKind = override
        evidence = [f"--as {override}"]
        _check_override(folder, architecture, override)
    else:
        kind, evidence = _infer(folder, architecture, grit)
    named = next((name for name in names if _GRIT_NAME.search(name)), None)
    if named and grit is None and kind == "causal":
        evidence.append(
            f"the name {named!r} has 'grit', but no file has a sign of GRIT training: pass "
            "--protocol grit if it was trained so"
        )
    if "auto_map" in folder.config:
        evidence.append("config.json has an auto_map: brings its own modelling code")
    return Detection(kind, tuple(evidence), _limits(kind, architecture, override))


def _infer(folder: Folder, architecture: str, grit: str | None) -> tuple[CheckpointKind, list[str]]:
    decoder = _has_head(architecture)
    shape = f"architecture {architecture}"
    both_worlds = grit is not None and (decoder or _is_decoder_body(folder, architecture))
    if folder.modules and not both_worlds:
        return "sentence-transformers", ["modules.json: sentence-transformers layout"]
    _refuse_seq2seq(folder, architecture)
    if grit is not None and both_worlds:
        return "grit", [grit, shape]
    if decoder:
        return "causal", [shape]
    if architecture.endswith(_ENCODERS):
        return "encoder", [shape]
    if architecture.endswith("ForSequenceClassification"):
        raise CheckpointError(
            f"{folder.model_path / 'config.json'}: {architecture} is a classifier or "
            "reranker, which scores texts and has no vectors",
            "pass --as encoder to embed with its weights alone",
        )
    raise CheckpointError(
        f"cannot detect what {folder.path} is "
        f"({shape if architecture else 'config.json names no architecture'})",
        "pass --as grit, causal, encoder or generative",
    )


def _architecture(folder: Folder) -> str:
    return folder.architectures[0] if folder.architectures else ""


def _is_decoder_body(folder: Folder, architecture: str) -> bool:
    """Whether it is a language model saved without its head (``MistralModel``).

    Decoder configs of the families in use name their key-value heads; BERT-like ones do not.
    """
    return architecture.endswith("Model") and "num_key_value_heads" in folder.config


def _refuse_seq2seq(folder: Folder, architecture: str) -> None:
    if folder.config.get("is_encoder_decoder") and not architecture.endswith("EncoderModel"):
        raise CheckpointError(
            f"{folder.path} is {architecture}: encoder-decoder models are not supported",
            "evaluate a decoder-only or an encoder-only checkpoint",
        )


def _grit_sign(folder: Folder) -> str | None:
    """The first sign of GRIT training in the files, in words."""
    for path in folder.files(*TOKENIZER_FILES):
        # The raw bytes are searched: parsing a large tokenizer.json takes far longer.
        if path.suffix in (".jinja", ".json") and EMBED_TOKEN.encode() in path.read_bytes():
            return f"{path.name} has {EMBED_TOKEN}"
    code = json.dumps([folder.architectures, folder.config.get("auto_map")])
    if "gritlm" in code.lower():
        return "config.json names GritLM code"
    return None


def _check_override(folder: Folder, architecture: str, kind: CheckpointKind) -> None:
    if kind == "sentence-transformers":
        if not folder.modules:
            raise CheckpointError(
                f"{folder.path} has no modules.json, so it is not a sentence-transformers model",
                "pass --as encoder or --as causal",
            )
        return
    _refuse_seq2seq(folder, architecture)
    if kind == "generative" and _is_headless(architecture):
        raise CheckpointError(
            f"{folder.path} cannot generate: {architecture} has no language-model head",
            "pass --as encoder",
        )


def _has_head(architecture: str) -> bool:
    return architecture.endswith(_HEADS)


def _is_headless(architecture: str) -> bool:
    return architecture.endswith(_ENCODERS) and not _has_head(architecture)


def _limits(
    kind: CheckpointKind, architecture: str, override: CheckpointKind | None
) -> dict[World, str]:
    if kind == "generative":
        return {"embedding": "taken as generative only (--as generative)"}
    if _is_headless(architecture):
        return {"generative": f"{architecture} has no language-model head"}
    if kind in ("encoder", "sentence-transformers"):
        chosen = f"--as {kind}" if override else "modules.json"
        return {"generative": f"taken as {kind} ({chosen}); --as causal also generates"}
    return {}
