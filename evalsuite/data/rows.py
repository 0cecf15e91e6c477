"""Reading the tables of own-data tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evalsuite.errors import DataError


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a table of a task's own data.

    Args:
        path: A ``.jsonl`` file (one JSON object a line) or a ``.parquet`` file.

    Returns:
        The rows; row ``i`` (from 0) of a JSONL file is its line ``i + 1``.

    Raises:
        DataError: If the file is missing, empty, of another kind or malformed.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", "check the path under 'data' in the task file")
    if path.suffix == ".jsonl":
        rows = _read_jsonl(path)
    elif path.suffix == ".parquet":
        rows = _read_parquet(path)
    else:
        raise DataError(
            f"{path}: cannot read files ending in {path.suffix!r}", "use .jsonl or .parquet"
        )
    if not rows:
        raise DataError(f"{path}: the file has no rows")
    return rows


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    rows: list[dict[str, Any]] = []
    if lines == [""]:
        return rows
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            deep = isinstance(error, RecursionError)
            reason = "nested too deeply" if deep else str(error) if line.strip() else "empty line"
            raise DataError(f"{path}:{number}: not valid JSON: {reason}") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: not a JSON object but {type(row).__name__}")
        rows.append(row)
    return rows


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # Not read_table, which imports pandas.
        with parquet.ParquetFile(path) as file:
            rows: list[dict[str, Any]] = file.read().to_pylist()
    except (OSError, pa.ArrowException) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path}: not a readable Parquet file: {first}") from None
    return rows


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
    wanted = [(column, mapping.get(column, column)) for column in columns]
    for number, row in enumerate(rows, start=1):
        for column, name in wanted:
            if row.get(name) is None:
                state = "is null" if name in row else "is missing"
                there = ", ".join(sorted(map(str, row))) or "none"
                hint = None
                if name not in row:
                    hint = f"map it in the task file with 'columns: {{{column}: NAME}}'"
                raise DataError(
                    f"{path}:{number}: column {name!r} {state} (columns there: {there})", hint
                )


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
