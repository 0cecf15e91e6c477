"""The samples of a record, of which only what is asked for becomes Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from evalsuite.data.rows import parquet_file


class SampleTable:
    """Rows of a Parquet table.

    A report shows twenty of a record's samples and ranks thousands: to make all their prompts and
    answers Python objects takes most of the time.
    """

    def __init__(self, table: Any) -> None:
        """``table`` is a ``pyarrow.Table``."""
        self._table = table

    @classmethod
    def read(cls, path: Path, columns: Sequence[str] | None = None) -> Self:
        """Read a file of samples.

        Args:
            path: A Parquet file.
            columns: Those to read, of which some may be absent; all without them.

        Raises:
            DataError: If it is not a readable Parquet file.
        """
        with parquet_file(path) as file:
            return cls(file.read(columns=columns, use_threads=False))

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """A table of plain rows."""
        import pyarrow as pa

        return cls(pa.Table.from_pylist([dict(row) for row in rows]))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def column(self, name: str) -> list[Any] | None:
        """Values of a column, one a row; ``None`` if there is no such column."""
        if name not in self._table.column_names:
            return None
        return list(self._table[name].to_pylist())

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Some rows, whole.

        Args:
            numbers: Which, from 0.
        """
        # Not by ``take``, which imports pyarrow's compute functions: 0.1 s.
        columns = {name: self._table[name] for name in self._table.column_names}
        return [
            {name: column[number].as_py() for name, column in columns.items()} for number in numbers
        ]

    def narrow(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """All rows with some columns, of which some may be absent."""
        there = [name for name in columns if name in self._table.column_names]
        return list(self._table.select(there).to_pylist())
