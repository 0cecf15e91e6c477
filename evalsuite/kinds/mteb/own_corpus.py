"""The corpus of an own-data retrieval task, as a file that is mapped into memory.

A corpus may have millions of documents. Its file is read once, row by row; what is kept is an
Arrow file in the cache, of which the operating system reads what is needed. It is named after the
content that it was made from. The folder of all of them is bounded, and may be deleted at any time.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset

from evalsuite.data import hash_file, is_id, place, require_in_row, stream_rows
from evalsuite.engines.vectors.vector_files import trim
from evalsuite.errors import DataError
from evalsuite.files import replacing
from evalsuite.kinds.mteb.task import COLUMNS
from evalsuite.paths import cache_dir
from evalsuite.schema import digest

LAYOUT: Final = 2
"""Raised when files are written in another way, or more of their content is checked."""

LIMIT: Final = 10 * 2**30
"""Bytes of all files together, past which those unused for longest are removed."""

_NAMES: Final = ("id", "title", "text")
_BATCH: Final = 4096
"""Documents that are in memory while the file is written."""


def read_corpus(path: Path, mapping: Mapping[str, str]) -> Dataset:
    """Read the documents of a retrieval task.

    Args:
        path: Its corpus: a file of rows with ``id``, ``text`` and perhaps ``title``.
        mapping: Standard name → name in the file, where they differ.

    Returns:
        A data set with the columns ``id``, ``title`` (empty for none) and ``text``, mapped from a
        file.

    Raises:
        DataError: For the first row that is malformed, an id that occurs twice, or a cache that
            cannot be written.
    """
    if not path.is_file():
        next(stream_rows(path))  # says so
    content, root = hash_file(path), cache_dir() / "corpora"
    target = root / content[:32] / f"{digest([LAYOUT, dict(mapping)])[:16]}.arrow"
    try:
        if target.is_file():
            os.utime(target)
            return Dataset.from_file(str(target))
        with replacing(target, sync=True) as part:
            _write(part, path, mapping)
            if hash_file(path) != content:
                raise DataError(f"{path}: changed while it was read", "start again")
        corpus = Dataset.from_file(str(target))
        trim(root, LIMIT)  # what is mapped already stays readable
    except OSError as error:
        raise DataError(
            f"{path}: cannot be kept in {root}: {error.strerror}",
            "free space, or let EVALSUITE_CACHE name another folder",
        ) from None
    return corpus


def known_ids(corpus: Dataset, names: set[str]) -> set[str]:
    """Those of some ids that documents of a corpus have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    asked = pa.array(sorted(names), pa.string())
    there = corpus.select_columns("id").with_format("arrow")[:]["id"]
    return set(asked.filter(pc.is_in(asked, value_set=there.combine_chunks())).to_pylist())


def _write(target: Path, path: Path, mapping: Mapping[str, str]) -> None:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in _NAMES])
    # Of a million ids, a set would take a hundred bytes each.
    hashes = array("q")
    documents = _documents(path, mapping)
    with target.open("wb") as stream, pa.ipc.new_stream(stream, schema) as writer:
        while batch := list(islice(documents, _BATCH)):
            hashes.extend(hash(document[0]) for document in batch)
            columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    _check_ids(target, np.frombuffer(hashes, dtype=np.int64), path, mapping.get("id", "id"))


def _documents(path: Path, mapping: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Id, title and text of each row."""
    columns = COLUMNS["retrieval"]["corpus"]
    names = {given: standard for standard, given in mapping.items()}
    own = {column: repr(mapping.get(column, column)) for column in _NAMES}
    for number, raw in enumerate(stream_rows(path), start=1):
        require_in_row(raw, number, columns, mapping, path)
        row = {names.get(key, key): raw[key] for key in raw}
        title = row.get("title") or ""
        for column, value in (("text", row["text"]), ("title", title)):
            if not isinstance(value, str):
                kind = type(value).__name__
                raise DataError(f"{place(path, number)}: {own[column]} is {kind}, not text")
        if not is_id(row["id"]):
            kind = type(row["id"]).__name__
            raise DataError(f"{place(path, number)}: {own['id']} is {kind}, not a text or a number")
        if not (title.strip() or row["text"].strip()):
            raise DataError(
                f"{place(path, number)}: {own['text']} is empty", "take the document away"
            )
        yield str(row["id"]), title, row["text"]


def _check_ids(
    target: Path, hashes: np.ndarray[Any, np.dtype[np.int64]], path: Path, column: str
) -> None:
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    suspects = np.flatnonzero(np.isin(hashes, twice))
    seen: set[str] = set()
    names = Dataset.from_file(str(target)).select_columns("id")
    for row in suspects.tolist():  # without repetitions none, but for a clash of hashes
        name = names[row]["id"]
        if name in seen:
            raise DataError(f"{place(path, row + 1)}: {column!r} {name!r} occurs twice")
        seen.add(name)
