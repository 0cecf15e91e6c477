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
    "router_config.json",
    "cnn_config.json",
    "lstm_config.json",
    "wordembedding_config.json",
    "whitespacetokenizer_config.json",
    "phrasetokenizer_config.json",
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
OWN_VOCABULARY = ("BoW", "WordEmbeddings")
"""Modules of sentence-transformers that hold their words themselves, without a tokenizer file."""

_OFFSET = frozenset({
    "roberta", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert", "xmod",
    "data2vec-text", "ibert", "longformer", "luke", "mluke", "mpnet", "lilt", "layoutlmv3",
    "markuplm", "esm",
})  # fmt: skip
"""Families that number positions from ``pad_token_id + 1`` on, so that fewer can be used."""

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
        CheckpointError: If it is not text, not a plain file (a pipe would block), or too large.
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
        """Prompts in the folder of a sentence-transformers model; ``{}`` where all are empty.

        Raises:
            CheckpointError: If the file has something else in their place.
        """
        path = self.path / "config_sentence_transformers.json"
        stored = read_object(path).get("prompts") or {}
        # The library reads null as an empty prompt.
        if not isinstance(stored, dict) or not all(
            value is None or isinstance(value, str) for value in stored.values()
        ):
            raise CheckpointError(
                f"{path}: 'prompts' does not map names to texts", "restore the original file"
            )
        prompts = {name: text or "" for name, text in stored.items()}
        return prompts if any(prompts.values()) else {}

    @property
    def routes(self) -> dict[str, tuple[str, ...]]:
        """Route of a sentence-transformers router → folders of its modules, relative to ``path``.

        Raises:
            CheckpointError: If the router's file is malformed or names a folder outside.
        """
        for module in self.modules:
            if class_name(module.get("type")) not in ("Router", "Asym"):
                continue
            base = Path(_subfolder(module))
            stored = self._router(base)
            structure = stored.get("structure", {})
            if not isinstance(structure, dict):
                raise CheckpointError(
                    f"{self.path / base}: the router's 'structure' does not map routes to modules",
                    "restore the original file",
                )
            return {
                str(route): tuple((base / _subfolder({"path": name})).as_posix() for name in names)
                for route, names in structure.items()
            }
        return {}

    @property
    def routed_types(self) -> tuple[str, ...]:
        """Class paths of the modules inside a router."""
        found: list[str] = []
        for module in self.modules:
            if class_name(module.get("type")) in ("Router", "Asym"):
                types = self._router(Path(_subfolder(module))).get("types")
                found += map(str, types.values()) if isinstance(types, dict) else [str(types)]
        return tuple(found)

    def _router(self, base: Path) -> dict[str, Any]:
        """A router's file; older versions of the library wrote it to ``config.json``."""
        own = self.path / base
        return read_object(own / "router_config.json") or read_object(own / "config.json")

    @property
    def parts(self) -> tuple[Path, ...]:
        """The folder itself and the folders of its sentence-transformers modules."""
        below = {self.path / _subfolder(module) for module in self.modules}
        below |= {self.path / part for parts in self.routes.values() for part in parts}
        return (self.path, *sorted(part for part in below - {self.path} if part.is_dir()))

    @property
    def max_positions(self) -> int | None:
        """Context length in tokens."""
        nested = self.config.get("text_config")
        for config in (self.config, nested if isinstance(nested, dict) else {}):
            for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx"):
                if isinstance(value := config.get(key), int) and value > 0:
                    return value - self._unused_positions(config)
        return None

    def _unused_positions(self, config: dict[str, Any]) -> int:
        """Positions at the beginning of the table that no token gets."""
        if config.get("model_type") not in _OFFSET or config.get("max_position_embeddings", 0) < 3:
            return 0
        padding = config.get("pad_token_id", 1)
        return 1 + (padding if isinstance(padding, int) and padding >= 0 else 1)

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
            raise _missing_part(path, "modules.json", _subfolder(module))
    folder = Folder(path=path, config={}, modules=modules, model_path=path)
    model_path = path
    if folder.routes and not (path / "config.json").is_file():
        inside = [path / parts[0] for parts in folder.routes.values() if parts]
        if missing := [part for part in inside if not part.is_dir()]:
            raise _missing_part(path, "router_config.json", missing[0].name)
        model_path = next((part for part in inside if (part / "config.json").is_file()), path)
    elif modules and not (path / "config.json").is_file():
        model_path = path / _subfolder(modules[0])
    config = read_object(model_path / "config.json")
    return Folder(path=path, config=config, modules=modules, model_path=model_path)


def class_name(type_path: object) -> str:
    """The last part of a class path, as ``modules.json`` names module classes."""
    return str(type_path or "").rpartition(".")[2]


def _missing_part(path: Path, file: str, part: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is still being written or incomplete: {file} names {part}, which is missing",
        "wait until it is complete",
    )


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
