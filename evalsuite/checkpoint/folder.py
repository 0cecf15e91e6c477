"""The small files of a model folder, read as plain JSON, and which files make a checkpoint."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from evalsuite.errors import CheckpointError

CONFIG_FILES = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_*_config.json",
    "preprocessor_config.json",
    "processor_config.json",
)
VOCABULARY_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "*.tiktoken",
    "tekken.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""Any one of these is a tokenizer."""

TOKENIZER_FILES = (
    *VOCABULARY_FILES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
)
CODE_FILES = ("*.py",)

MOST_CONFIG_BYTES = 16 << 20
MOST_TOKENIZER_BYTES = 256 << 20
"""Bytes of a small file; the largest tokenizers in use have about 40 MiB."""


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Returns:
        What the file holds, or ``None`` where there is no such file.

    Raises:
        CheckpointError: Where the file is not JSON, or far too large.
    """
    text = read_text(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CheckpointError(
            f"{path} is not valid JSON ({reason})",
            "if the checkpoint is still being written, wait until it is complete",
        ) from error


def read_text(path: Path) -> str | None:
    """A small file's text; ``None`` where there is no such file.

    Raises:
        CheckpointError: Where it is no text, no plain file (a pipe would block), or too large.
    """
    most = MOST_TOKENIZER_BYTES if path.name in TOKENIZER_FILES else MOST_CONFIG_BYTES
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"{path} is not a plain file", "restore the original file")
        if status.st_size > most:
            raise CheckpointError(
                f"{path} has {status.st_size >> 20:,} MiB, more than {most >> 20}",
                "restore the original file",
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(
            f"{path} cannot be read ({reason})", "check the file and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise CheckpointError(
            f"{path} is not UTF-8 text (byte {error.start})", "restore the original file"
        ) from error


def read_object(path: Path) -> dict[str, Any]:
    """Parse a JSON file that holds an object; ``{}`` where there is no such file."""
    value = read_json(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} does not hold a JSON object", "restore the original file")
    return value


@dataclass(frozen=True, slots=True)
class Folder:
    """A model folder and what its small files say.

    Attributes:
        path: The folder.
        config: ``config.json``, of the first module where sentence-transformers keeps it there.
        modules: Entries of ``modules.json``; empty where there is none.
        model_path: The folder that ``config.json`` and the weights are in.
    """

    path: Path
    config: dict[str, Any]
    modules: tuple[dict[str, Any], ...]
    model_path: Path

    @property
    def architectures(self) -> tuple[str, ...]:
        """Names of the model classes that ``config.json`` lists."""
        stated = self.config.get("architectures")
        return tuple(filter(_is_text, stated)) if isinstance(stated, list) else ()

    @property
    def prompts(self) -> dict[str, str]:
        """Prompts that a sentence-transformers model brings along; ``{}`` where all are empty."""
        stored = read_object(self.path / "config_sentence_transformers.json").get("prompts")
        if not isinstance(stored, dict) or not all(map(_is_text, stored.values())):
            return {}
        return dict(stored) if any(stored.values()) else {}

    @property
    def parts(self) -> tuple[Path, ...]:
        """The folder itself and the folders of its sentence-transformers modules."""
        below = {self.path / _subfolder(module) for module in self.modules} - {self.path}
        return (self.path, *sorted(part for part in below if part.is_dir()))

    @property
    def max_positions(self) -> int | None:
        """Context length in tokens."""
        nested = self.config.get("text_config")
        for config in (self.config, nested if isinstance(nested, dict) else {}):
            for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx"):
                if isinstance(value := config.get(key), int) and value > 0:
                    return value
        return None

    def files(self, *patterns: str) -> Iterator[Path]:
        """Files in the folder and its modules' folders whose names match a pattern."""
        for part in self.parts:
            for path in sorted(part.iterdir()):
                if any(fnmatch(path.name, pattern) for pattern in patterns) and path.is_file():
                    yield path


def read_folder(path: Path) -> Folder:
    """Read a model folder's small files.

    Raises:
        CheckpointError: Where one of them is malformed or names a folder that is not there.
    """
    modules = _modules(path / "modules.json")
    for module in modules:
        # A Normalize module has no files, and packages do not carry empty folders.
        empty = str(module.get("type", "")).endswith(".Normalize")
        if not empty and not (path / _subfolder(module)).is_dir():
            raise CheckpointError(
                f"{path} is still being written or incomplete: modules.json names "
                f"{_subfolder(module)}, which is missing",
                "wait until it is complete",
            )
    model_path = path
    if modules and not (path / "config.json").is_file():
        model_path = path / _subfolder(modules[0])
    config = read_object(model_path / "config.json")
    return Folder(path=path, config=config, modules=modules, model_path=model_path)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _modules(path: Path) -> tuple[dict[str, Any], ...]:
    found = read_json(path) or []
    if not isinstance(found, list) or not all(isinstance(module, dict) for module in found):
        raise CheckpointError(f"{path} is not a list of modules", "restore the original file")
    return tuple(found)


def _subfolder(module: dict[str, Any]) -> str:
    """Where a module is, relative to the checkpoint; ``""`` for the checkpoint itself.

    Raises:
        CheckpointError: Where it is outside the checkpoint.
    """
    relative = str(module.get("path", ""))
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise CheckpointError(
            f"modules.json names {relative}, outside the checkpoint", "correct its path"
        )
    return relative
