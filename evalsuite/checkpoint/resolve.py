"""The way from what was typed after ``--ckpt`` to a checkpoint that the engines can load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalsuite.checkpoint.adapters import merge_adapter
from evalsuite.checkpoint.chat import chat_protocol
from evalsuite.checkpoint.detect import detect
from evalsuite.checkpoint.fingerprint import combined, file_digests, folder_fingerprint
from evalsuite.checkpoint.folder import (
    CODE_FILES,
    CONFIG_FILES,
    OWN_VOCABULARY,
    TOKENIZER_FILES,
    VOCABULARY_FILES,
    Folder,
    class_name,
    read_folder,
    read_object,
)
from evalsuite.checkpoint.integrity import weight_files, weights_in
from evalsuite.checkpoint.materialise import changes_of, dequantise, made_once, stated_pooling
from evalsuite.checkpoint.models import ChatProtocol, Checkpoint, CheckpointKind, CheckpointOptions
from evalsuite.checkpoint.protocols import embedding_protocol
from evalsuite.checkpoint.quantised import quantization, stated_method, why_not_embedded
from evalsuite.checkpoint.safety import check_attention, check_code, check_vocabulary
from evalsuite.checkpoint.shapes import check_shapes, check_tokenizer
from evalsuite.checkpoint.sources import Located, demo_of, locate
from evalsuite.checkpoint.tokenizer import examine
from evalsuite.errors import CheckpointError
from evalsuite.paths import cache_dir


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a checkpoint comes from: found and checked, but not hashed or converted yet."""

    located: Located
    files: tuple[Path, ...]
    """What its fingerprint covers."""
    base: _Origin | None = None
    base_name: str | None = None


def resolve(
    source: str, options: CheckpointOptions | None = None, *, cache: Path | None = None
) -> Checkpoint:
    """Turn what was typed into a checkpoint that can be loaded.

    Reads only small files where fingerprint and conversion are remembered; otherwise hashes the
    weights, dequantises a GGUF file, or merges an adapter onto its base.

    Args:
        source: A folder, a GGUF file, ``demo:NAME`` or a hub id.
        options: What overrides detection.
        cache: Instead of :func:`evalsuite.paths.cache_dir`.

    Raises:
        CheckpointError: Where it cannot be found, is incomplete, unsafe or of no known kind.
        UsageError: Where an override is unknown or contradicts the kind.
    """
    options = options or CheckpointOptions()
    cache = cache or cache_dir()
    origin = _trace(source, options)
    folder = read_folder(_ready(origin, options, cache))
    _require_tokenizer(folder)
    check_code(folder, trusted=options.trust_remote_code)
    check_vocabulary(folder)
    check_tokenizer(folder)
    packed = quantization(folder)
    detection = detect(folder, origin.located.names, options.kind)
    asked = _with_stated_pooling(options, detection.kind, folder)
    embedding = embedding_protocol(detection.kind, folder, asked)
    chats = "generative" not in detection.cannot
    chat = chat_protocol(folder.model_path, options.chat_template) if chats else None
    conversion = changes_of(folder.path) if origin.located.form != "folder" else None
    evidence = (
        *detection.evidence,
        *_stated(asked, options),
        *_further_evidence(packed, chat, conversion, options),
    )
    cannot = dict(detection.cannot)
    if packed is not None and (reason := why_not_embedded(packed)):
        cannot.setdefault("embedding", reason)
    # Late, as hashing a large model takes longest.
    fingerprint = _fingerprint(origin, cache)
    tokens, tokenizer = examine(folder, fingerprint, cache, trusted=options.trust_remote_code)
    evidence += tuple(filter(None, (tokens.why,)))
    if embedding is not None and tokens.append_eos:
        embedding = embedding.model_copy(update={"append_eos": True})
    return Checkpoint(
        name=origin.located.name,
        source=source,
        path=folder.path,
        fingerprint=fingerprint,
        kind=detection.kind,
        evidence=evidence,
        embedding=embedding,
        chat=chat,
        cannot=cannot,
        base=origin.base_name,
        step=origin.located.step,
        max_positions=folder.max_positions,
        trust_remote_code=options.trust_remote_code,
        quantization=packed,
        tokenizer=tokenizer,
        tokenizer_change=tokens.change,
        conversion=conversion,
    )


def _with_stated_pooling(
    options: CheckpointOptions, kind: CheckpointKind, folder: Folder
) -> CheckpointOptions:
    """The options, with the pooling that a GGUF file states where a person chose none."""
    pooling = stated_pooling(folder.path) if kind == "causal" else None
    if pooling is None or options.pooling is not None or options.protocol is not None:
        return options
    return options.model_copy(update={"pooling": pooling})


def _stated(asked: CheckpointOptions, options: CheckpointOptions) -> Iterator[str]:
    if asked is not options:
        yield f"the GGUF file states {asked.pooling} pooling"


def _further_evidence(
    packed: str | None,
    chat: ChatProtocol | None,
    conversion: str | None,
    options: CheckpointOptions,
) -> Iterator[str]:
    """What was found besides the kind of checkpoint, for people."""
    if packed is not None:
        yield f"weights quantised with {packed}"
    if chat is not None and chat.template is None and options.chat_template is None:
        yield "no chat template: prompts are given as they are (--chat-template FILE)"
    if chat is not None and chat.name is not None:
        yield f"chat template {chat.name!r} of several"
    if conversion is not None:
        yield f"made with what the libraries leave out: {conversion}"


def _trace(source: str, options: CheckpointOptions) -> _Origin:
    """Find and check a checkpoint and, for an adapter, its base."""
    located = locate(source, allow_pickle=options.allow_pickle)
    if located.form == "adapter":
        return _trace_adapter(located, options)
    return _trace_model(located, options)


def _trace_model(located: Located, options: CheckpointOptions) -> _Origin:
    if located.form == "gguf":
        return _Origin(located, (located.path,))
    folder = read_folder(located.path)
    # Before the base of an adapter is loaded, too, to be merged.
    check_attention(folder, trusted=options.trust_remote_code)
    weights = weight_files(folder, allow_pickle=options.allow_pickle)
    check_shapes(folder)
    return _Origin(located, (*weights, *_small_files(folder)))


def _trace_adapter(located: Located, options: CheckpointOptions) -> _Origin:
    weights = weights_in(located.path, "adapter_model", allow_pickle=options.allow_pickle)
    if not weights:
        raise CheckpointError(
            f"the adapter {located.path} has no weights (no adapter_model.safetensors)",
            "if it is still being written, wait until it is complete",
        )
    base_name, base = _locate_base(located, options)
    if base.form == "folder" and stated_method(read_folder(base.path)):
        raise CheckpointError(
            f"the base {base_name!r} of the adapter {located.path} has quantised weights, which an "
            "adapter cannot be merged into exactly",
            "pass the base in plain weights: --base PATH",
        )
    files = (*weights, *_small_files(read_folder(located.path)))
    return _Origin(located, files, _trace_model(base, options), base_name)


def _small_files(folder: Folder) -> tuple[Path, ...]:
    return tuple(folder.files(*CONFIG_FILES, *TOKENIZER_FILES, *CODE_FILES))


def _fingerprint(origin: _Origin, cache: Path) -> str:
    path = origin.located.path
    if origin.located.form == "gguf":
        digests = file_digests(path, {"gguf": path}, cache)
        return combined("gguf:1", digests["gguf"])
    own = folder_fingerprint(path, origin.files, cache)
    if origin.base is None:
        return own
    return combined("adapter:1", _fingerprint(origin.base, cache), own)


def _locate_base(located: Located, options: CheckpointOptions) -> tuple[str, Located]:
    stated = read_object(located.path / "adapter_config.json").get("base_model_name_or_path")
    name = options.base or stated
    if not isinstance(name, str) or not name:
        raise CheckpointError(
            f"the adapter {located.path} does not say which base it belongs to", "pass --base PATH"
        )
    try:
        base = locate(name, allow_pickle=options.allow_pickle)
    except CheckpointError as error:
        if options.base:
            raise
        demo = demo_of(name)
        raise CheckpointError(
            f"the base {name!r} of the adapter {located.path} cannot be found: {error.message}",
            f"pass --base {demo} or --base PATH" if demo else "pass --base PATH",
        ) from error
    if base.form == "adapter":
        raise CheckpointError(
            f"the base {name!r} of the adapter {located.path} is itself an adapter",
            "merge it first, and pass the result: --base PATH",
        )
    return name, base


def _ready(origin: _Origin, options: CheckpointOptions, cache: Path) -> Path:
    """A folder that the engines can load; made on first use."""
    path, base = origin.located.path, origin.base
    if origin.located.form == "folder":
        return path

    def make(into: Path) -> None:
        if base is None:
            dequantise(path, into)
        else:
            merge_adapter(
                _ready(base, options, cache),
                path,
                into,
                allow_pickle=options.allow_pickle,
                trust_remote_code=options.trust_remote_code,
            )

    # What an earlier version made of the same files may lack what is carried over now.
    return made_once(cache, combined("made:3", _fingerprint(origin, cache)), make)


def _require_tokenizer(folder: Folder) -> None:
    if any(class_name(module.get("type")) in OWN_VOCABULARY for module in folder.modules):
        return
    if not any(folder.files(*VOCABULARY_FILES)):
        raise CheckpointError(
            f"{folder.path} has no tokenizer (no tokenizer.json, tokenizer.model or vocabulary)",
            "copy the tokenizer files of the model it was trained from into it",
        )
