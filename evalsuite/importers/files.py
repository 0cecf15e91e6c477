"""Reading files that anybody may have written: bounded, and with one line where they are bad."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from evalsuite.errors import DataError, first_invalid
from evalsuite.text import plain

Model = TypeVar("Model", bound=BaseModel)

MOST_BYTES = 64 * 2**20
"""Bytes of a result file; real ones have a few megabytes at most."""
MOST_LEVELS = 40
"""Levels of a JSON file; what is nested deeper cannot be stored."""
MOST_LIST_BYTES = 256 * 2**20
"""Bytes of a file with a list of samples, which is read whole."""
MOST_SAMPLE_BYTES = 2 * 2**30
"""Bytes of a file of samples."""


class JsonFile(NamedTuple):
    """A file that holds one JSON object."""

    name: str
    sha256: str
    content: dict[str, Any]


class JsonList(NamedTuple):
    """A file that holds a list of JSON objects."""

    name: str
    sha256: str
    rows: list[dict[str, Any]]


def read_json(path: Path, *, most: int = MOST_BYTES) -> JsonFile:
    """Read a JSON object; ``NaN`` and infinities become ``None``.

    Raises:
        DataError: If the file is too large, cannot be read, or holds something else.
    """
    raw = read_bytes(path, most)
    content = _parsed(raw, path.name, _once)
    return JsonFile(path.name, hashlib.sha256(raw).hexdigest(), content)


def read_list(path: Path) -> JsonList:
    """Read a list of JSON objects.

    Raises:
        DataError: As :func:`read_json`.
    """
    raw = read_bytes(path, MOST_LIST_BYTES)
    content = parsed(raw, path.name)
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise DataError(
            f"{path.name} does not hold a list of JSON objects", "is it the right file?"
        )
    return JsonList(path.name, hashlib.sha256(raw).hexdigest(), content)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file with one a line; the file may be packed with gzip.

    Raises:
        DataError: As :func:`read_json`; names the line.
    """
    _check(path, MOST_SAMPLE_BYTES)
    packed = path.suffix == ".gz"
    seen = 0
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(MOST_BYTES + 1), b""), 1):
                seen += len(line)
                if len(line) > MOST_BYTES or seen > MOST_SAMPLE_BYTES:
                    raise DataError(f"{path.name}:{number} goes beyond what samples may hold")
                if line.strip():
                    yield _parsed(line, f"{path.name}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read: {reason}") from error


def read_bytes(path: Path, most: int) -> bytes:
    """A file's content.

    Raises:
        DataError: If it has more bytes than ``most``, cannot be read, or is no plain file.
    """
    _check(path, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _check(path: Path, most: int) -> None:
    """Refuse what is too large or not a plain file (a pipe would block), before reading it."""
    if not path.is_file():
        raise DataError(f"{path} is not a file", "give a result file")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if size > most:
        raise DataError(
            f"{path} has {size / 2**20:.0f} MiB, more than {most // 2**20}",
            "is it a result file?",
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ: of two scores under one name neither can be believed."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {plain(key, 80)!r} appears twice")
            seen.add(key)
    return found


def _parsed(
    raw: bytes, where: str, make: Callable[[list[tuple[str, Any]]], dict[str, Any]] = dict
) -> dict[str, Any]:
    content = parsed(raw, where, make)
    if not isinstance(content, dict):
        raise DataError(f"{where} does not hold a JSON object", "is it a result file?")
    return content


def parsed(
    raw: bytes, where: str, make: Callable[[list[tuple[str, Any]]], dict[str, Any]] = dict
) -> Any:
    """Any JSON value that can be stored; ``NaN`` and infinities become ``None``.

    Raises:
        DataError: If it is not valid JSON, or nested too deeply.
    """
    try:
        content = json.loads(
            raw, parse_constant=lambda _: None, parse_float=_finite, object_pairs_hook=make
        )
        json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair cannot be stored
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{where} is not valid JSON: {reason}") from None
    if not _shallow(content, MOST_LEVELS):
        raise DataError(f"{where} is nested too deeply", "is it a result file?")
    return content


def _finite(text: str) -> float | None:
    """``1e999`` is infinite too, and JSON cannot hold it again."""
    value = float(text)
    return value if math.isfinite(value) else None


def _shallow(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_shallow(item, levels - 1) for item in inner)


def validated(model: type[Model], content: object, file: str, whose: str, hint: str) -> Model:
    """The content of a result file as a model.

    Raises:
        DataError: Names the file and the first thing in it that does not fit.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        where, why = first_invalid(error)
        raise DataError(
            f"{file} is not a result file of {whose}: {plain(where, 80)}: {why}", hint
        ) from None


def object_of(value: object, key: str) -> dict[str, Any]:
    """The object under a key; empty where there is none, or ``value`` is no object itself."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}


def list_of(value: object, key: str) -> list[dict[str, Any]]:
    """The objects of the list under a key; empty where there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def finite(value: object) -> float | None:
    """A finite number as a float; ``None`` for anything else, ``true`` included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
