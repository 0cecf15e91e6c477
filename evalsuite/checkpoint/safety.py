"""What a checkpoint asks for that it must not get, and parts that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from evalsuite.checkpoint.folder import CONFIG_FILES, Folder, read_json, read_object
from evalsuite.checkpoint.shapes import EMBEDDINGS, ONE_MODEL, tensors, tokenizer_file
from evalsuite.errors import CheckpointError

TRUST: Final = "read its code, and pass --trust-remote-code if you trust it"
_GRITLM_CODE: Final = "modeling_gritlm"
_OWN_MODULES: Final = "sentence_transformers."
_ATTENTION: Final = frozenset({
    prefix + name
    for prefix in ("", "paged|")
    for name in (
        "eager", "sdpa", "flex_attention",
        "flash_attention_2", "flash_attention_3", "flash_attention_4",
    )
})  # fmt: skip
"""Attention that transformers itself brings; any other name is that of code on the hub."""


def check_code(folder: Folder, *, trusted: bool) -> None:
    """Refuse a checkpoint that cannot be loaded without code that it brings or names.

    sentence-transformers imports whatever class ``modules.json`` names, and for a local folder
    runs its ``.py`` files without being asked to.

    Args:
        folder: Its small files.
        trusted: Whether a person allowed its code.

    Raises:
        CheckpointError: If it needs code that was not allowed, or that does not exist.
    """
    if trusted:
        _check_runs(folder)
        return
    named = [module.get("type") for module in folder.modules]
    named += folder.routed_types
    for name in named:
        if not isinstance(name, str) or not name.startswith(_OWN_MODULES):
            raise CheckpointError(f"{folder.path} brings its own module {name!r}", TRUST)
    kind = folder.config.get("model_type")
    if not isinstance(kind, str) or _known(kind):
        return
    if "auto_map" in folder.config:
        raise CheckpointError(
            f"{folder.path} is a {kind!r} model, which brings its own code", TRUST
        )
    raise CheckpointError(
        f"{folder.path} is a {kind!r} model, which this version of transformers does not know",
        "correct 'model_type' in its config.json, or use a newer evalsuite",
    )


def _check_runs(folder: Folder) -> None:
    """Refuse code that is known not to run: GritLM's own was written for transformers 4.

    It adds a switch for bidirectional attention, which the classes of transformers 5 have.
    """
    brought = folder.config.get("auto_map")
    names = brought.values() if isinstance(brought, dict) else ()
    if any(str(name).startswith(_GRITLM_CODE) for name in names):
        raise CheckpointError(
            f"{folder.path} brings GritLM's own code, which does not run under transformers 5; "
            "the class of transformers computes the same",
            "leave --trust-remote-code out",
        )


@cache
def _known(kind: str) -> bool:
    """Whether transformers has models of this type; read from its files, without importing it."""
    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return True
    tables = Path(spec.origin).parent / "models" / "auto"
    return any(f'"{kind}"'.encode() in path.read_bytes() for path in tables.glob("*.py"))


def check_attention(folder: Folder, *, trusted: bool) -> None:
    """Refuse a checkpoint whose attention is code from the hub.

    Transformers fetches and runs what ``attn_implementation`` names, without being told to trust
    it. The key may be at any depth, and in the arguments that sentence-transformers passes on.

    Args:
        folder: Its small files.
        trusted: Whether a person allowed its code.

    Raises:
        CheckpointError: If it names anything but what transformers brings.
    """
    if trusted:
        return
    for path in folder.files(*CONFIG_FILES):
        for name in _attention_in(read_json(path)):
            if name is not None and name not in _ATTENTION:
                raise CheckpointError(
                    f"{path} asks for attention that transformers does not bring: {name!r}", TRUST
                )


def _attention_in(content: Any) -> Iterator[Any]:
    """All values of keys that name attention; for sub-models they may be a mapping."""
    if isinstance(content, list):
        for item in content:
            yield from _attention_in(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            if not key.strip("_").startswith("attn_implementation"):
                yield from _attention_in(value)
            elif isinstance(value, dict):
                yield from value.values()
            else:
                yield value if value is None or isinstance(value, str) else repr(value)


def check_vocabulary(folder: Folder) -> None:
    """Check that tokenizer, config and embedding matrix speak of one vocabulary.

    Tokens that were added behind the vocabulary (a padding token, mostly) are not counted unless
    the tokenizer puts them into every text: they need no embedding as long as they are never
    fed, and engines refuse them where they are.

    Raises:
        CheckpointError: With the code ``vocabulary-mismatch``, if the matrix has fewer rows than
            the config or the tokenizer needs.
    """
    largest = _largest_token(folder)
    rows = _embedding_rows(folder)
    if rows is None:
        return
    stated = folder.config.get("vocab_size")
    if isinstance(stated, int) and stated != rows:
        raise CheckpointError(
            f"vocabulary-mismatch: {folder.path}: config.json says {stated:,} tokens, but there "
            f"are {rows:,} embeddings",
            ONE_MODEL,
        )
    if largest is not None and largest >= rows:
        raise CheckpointError(
            f"vocabulary-mismatch: {folder.path}: the tokenizer goes up to token {largest:,}, but "
            f"there are {rows:,} embeddings",
            "copy the tokenizer files of the model it was trained from into it",
        )


def _largest_token(folder: Folder) -> int | None:
    """The largest number in the vocabulary of ``tokenizer.json``, or that every text gets.

    Raises:
        CheckpointError: If words have no numbers.
    """
    path = tokenizer_file(folder)
    if path is None:
        return None
    stored = read_object(path)
    model = stored.get("model")
    words = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(words, dict | list):
        return None
    # Unigram tokenizers list their words; the others number them.
    numbers: list[Any] = list(words.values()) if isinstance(words, dict) else [len(words) - 1]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise CheckpointError(f"{path} numbers its words wrongly", "restore the original file")
    return max((*numbers, *_always_put(stored.get("post_processor"))), default=None)


def _always_put(processor: Any) -> list[int]:
    """Numbers of the tokens that a post-processor puts around every text.

    ``TemplateProcessing`` lists the ids of each in ``special_tokens``, the older forms have pairs
    of text and id (``cls``, ``sep``), and ``Sequence`` holds several.
    """
    if not isinstance(processor, dict):
        return []
    inner = processor.get("processors")
    found = [n for one in (inner if isinstance(inner, list) else []) for n in _always_put(one)]
    special = processor.get("special_tokens")
    for token in special.values() if isinstance(special, dict) else ():
        ids = token.get("ids") if isinstance(token, dict) else None
        found += ids if isinstance(ids, list) else []
    pairs = (processor.get("cls"), processor.get("sep"))
    found += [pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    return [number for number in found if isinstance(number, int)]


def _embedding_rows(folder: Folder) -> int | None:
    """Rows of the token embeddings, if exactly one matrix in the safetensors files can be it."""
    rows = {
        entry["shape"][0]
        for name, entry in tensors(folder).items()
        if name.endswith(EMBEDDINGS) and len(entry["shape"]) == 2
    }
    return rows.pop() if len(rows) == 1 else None
