"""Reading the tables of own-data tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from evalsuite.data.delimited import DELIMITERS, place, stream_delimited
from evalsuite.errors import DataError, first_line

_PARQUET_ROWS: Final = 1024
"""Rows that are held at a time."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a table of a task's own data.

    Args:
        path: A ``.jsonl`` file (one JSON object a line), a ``.parquet`` file, or a ``.csv`` or
            ``.tsv`` file, whose cells are texts.

    Returns:
        The rows; row ``i`` (from 0) of a JSONL file is its line ``i + 1``.

    Raises:
        DataError: If the file is missing, empty, of another kind or malformed.
    """
    return list(stream_rows(path))


def stream_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read a table row by row; see :func:`read_rows`."""
    if not path.is_file():
        raise DataError(f"{path}: no such file", "check the path under 'data' in the task file")
    readers = {".jsonl": _stream_jsonl, ".parquet": _stream_parquet}
    readers |= dict.fromkeys(DELIMITERS, stream_delimited)
    if path.suffix not in readers:
        raise DataError(
            f"{path}: cannot read files ending in {path.suffix!r}",
            "use .jsonl, .parquet, .csv or .tsv",
        )
    empty = True
    for row in readers[path.suffix](path):
        empty = False
        yield row
    if empty:
        raise DataError(f"{path}: the file has no rows")


def _stream_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    blank = 0  # an empty line is an error only where others follow
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            blank = blank or number
            continue
        if blank:
            raise DataError(f"{path}:{blank}: not valid JSON: empty line")
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            deep = isinstance(error, RecursionError)
            reason = "nested too deeply" if deep else str(error)
            raise DataError(f"{path}:{number}: not valid JSON: {reason}") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: not a JSON object but {type(row).__name__}")
        yield row


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, however they end."""
    position = 0
    try:
        with path.open("rb") as stream:
            for line in stream:
                text = line.decode().removeprefix("\ufeff" if position == 0 else "")
                position += len(line)
                # A carriage return alone ends a line too, as everywhere in Python.
                yield from text.removesuffix("\n").removesuffix("\r").split("\r")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {position + error.start})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _stream_parquet(path: Path) -> Iterator[dict[str, Any]]:
    with parquet_file(path) as file:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
            yield from batch.to_pylist()


@contextmanager
def parquet_file(path: Path) -> Iterator[Any]:
    """An open ``pyarrow.parquet.ParquetFile``.

    Raises:
        DataError: If the file, or what is read of it, is not Parquet.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # Not read_table, which imports pandas.
        # Nor by threads and with buffers ahead, which cost small files more than their reading.
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file: {first_line(error)}") from None


def require_columns(
    rows: Iterable[Mapping[str, Any]],
    columns: Iterable[str],
    mapping: Mapping[str, str],
    path: Path,
) -> None:
    """Check that every row has the columns of its task type.

    Args:
        rows: The rows of ``path``, in order.
        columns: Standard column names.
        mapping: Standard name → name in the file, where they differ.
        path: The file, for the message.

    Raises:
        DataError: Naming the first missing (or null) column, file, row and the columns there.
    """
    wanted = list(columns)
    for number, row in enumerate(rows, start=1):
        require_in_row(row, number, wanted, mapping, path)


def require_in_row(
    row: Mapping[str, Any],
    number: int,
    columns: Iterable[str],
    mapping: Mapping[str, str],
    path: Path,
) -> None:
    """Check one row, ``number`` counted from 1; see :func:`require_columns`."""
    for column in columns:
        name = mapping.get(column, column)
        if row.get(name) is None:
            state = "is null" if name in row else "is missing"
            there = ", ".join(sorted(map(str, row))) or "none"
            hint = None
            if name not in row:
                hint = f"map it in the task file with 'columns: {{{column}: NAME}}'"
            raise DataError(
                f"{place(path, number)}: column {name!r} {state} (columns there: {there})", hint
            )


def is_id(value: object) -> bool:
    """Whether a value can be an id: a text or a number."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def groups_of(
    rows: Iterable[Mapping[str, Any]], mapping: Mapping[str, str], path: Path
) -> list[str] | None:
    """The groups that rows belong to (a passage, a subject): the optional column ``group``.

    Args:
        rows: The rows of ``path``, in order.
        mapping: Standard name → name in the file, where they differ.
        path: The file, for the message.

    Returns:
        ``None`` where no row has a group.

    Raises:
        DataError: If some rows have one and others do not, or there is no column that
            ``mapping`` names.
    """
    kept, name = list(rows), mapping.get("group", "group")
    if "group" not in mapping and all(row.get(name) is None for row in kept):
        return None
    require_columns(kept, ["group"], mapping, path)
    return [str(row[name]) for row in kept]
