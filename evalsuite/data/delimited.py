"""Reading CSV and TSV files: texts between commas or tabs, under a line of column names.

Cells are quoted as spreadsheets and pandas quote them. A cell is text, whatever it looks like: an
id ``007`` stays ``007``. Who needs numbers or lists of some columns calls :func:`with_values`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError

DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}
"""Suffix of a file → what stands between its cells."""

_CELL: Final = 2**31 - 1
"""Characters of a cell at most; Python's own limit is 128 KiB."""


def stream_delimited(path: Path) -> Iterator[dict[str, Any]]:
    """Read a CSV or TSV file row by row.

    Yields:
        Column → text; ``None`` for an empty cell.

    Raises:
        DataError: If the file cannot be read, a column has no name or one that occurs twice, or a
            row has another number of cells.
    """
    csv.field_size_limit(_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=DELIMITERS[path.suffix], strict=True)
            names = next(reader, [])
            _check_names(path, names)
            for number, cells in enumerate(filter(None, reader), start=1):
                if len(cells) != len(names):
                    raise DataError(
                        f"{path}: row {number} has {len(cells)} cells, the line of column names "
                        f"{len(names)}",
                        "put cells that hold the separator or a line break in double quotes",
                    )
                yield {name: cell or None for name, cell in zip(names, cells, strict=True)}
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not valid: {error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _check_names(path: Path, names: list[str]) -> None:
    for name in names:
        if not name.strip() or names.count(name) > 1:
            what = f"the column name {name!r} occurs twice" if name else "a column has no name"
            raise DataError(f"{path}:1: {what}", "the first line names the columns")


def with_values(
    path: Path, rows: Iterable[dict[str, Any]], columns: frozenset[str]
) -> list[dict[str, Any]]:
    """Rows with the numbers and lists that the cells of some columns spell, as in JSON.

    Args:
        path: Where the rows come from; those of other files are left as they are.
        rows: Column → value.
        columns: Names of the columns that hold no texts.
    """
    if path.suffix not in DELIMITERS:
        return list(rows)
    return [
        {name: _value(cell) if name in columns else cell for name, cell in row.items()}
        for row in rows
    ]


def _value(cell: str | None) -> Any:
    """A number or a list; a cell that is neither stays text, and is refused by who needs one."""
    try:
        value = json.loads(cell or "null")
    except ValueError:
        return cell
    return cell if isinstance(value, (str, dict, bool)) else value


def place(path: Path, number: int) -> str:
    """Where row ``number`` (from 1) of a file is, for messages.

    Rows of a JSONL file are its lines. A CSV file has a line of names before them, and cells may
    have line breaks.
    """
    return f"{path}: row {number}" if path.suffix in DELIMITERS else f"{path}:{number}"
