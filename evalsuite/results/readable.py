"""Stored samples with the texts that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.data import SampleTable
from evalsuite.data.rows import parquet_file
from evalsuite.sample_texts import Name
from evalsuite.schema import Record
from evalsuite.store import Store

REFERRING: Final = (
    "gold",
    "found",
    "predictions",
    "document",
    "documents",
    "documents_before",
    "documents_after",
    "relevant",
)
"""Columns of samples that name texts by id, one each or a list."""

TEXT: Final = "_text"
"""What is added to such a column's name for the column with its texts."""


class TextReader:
    """Reads the texts of a store, each file once: checkpoints on the same data share them."""

    def __init__(self) -> None:
        self._items: dict[Path, dict[Name, dict[str, Any]]] = {}
        self._named: dict[Path, tuple[dict[Name, int], Any]] = {}

    def beside(
        self, rows: Iterable[Mapping[str, Any]], paths: Sequence[Path]
    ) -> list[dict[str, Any]]:
        """Samples with their texts in further columns.

        Args:
            rows: The samples.
            paths: The files that their record refers to.

        Returns:
            The rows. A test item's own texts have the columns ``query``, ``relevant`` (ids),
            ``sentence1``, ``sentence2``, ``text``, ``choices`` …; what a column of ids names
            stands in a column of the same name and ``_text``, with ``None`` for a text that is
            not kept.

        Raises:
            DataError: If a file cannot be read.
        """
        items = [self._items_of(path) for path in paths if path.name.endswith(".items.parquet")]
        named = [self._named_of(path) for path in paths if not path.name.endswith(".items.parquet")]
        return [_with_named(_with_items(row, items), named) for row in rows]

    def _items_of(self, path: Path) -> dict[Name, dict[str, Any]]:
        if path not in self._items:
            rows = _read(path).to_pylist()
            self._items[path] = {
                (row.pop("subset", None) or "", row.pop("sample")): row for row in rows
            }
        return self._items[path]

    def _named_of(self, path: Path) -> tuple[dict[Name, int], Any]:
        if path not in self._named:
            table = _read(path)
            names = zip(table["subset"].to_pylist(), table["id"].to_pylist(), strict=True)
            places = {name: place for place, name in enumerate(names)}
            self._named[path] = places, table["text"]
        return self._named[path]


class ReadableSamples(SampleTable):
    """The samples of a record; rows that are asked for have their texts."""

    def __init__(self, table: Any, paths: Sequence[Path] = (), reader: TextReader | None = None):
        super().__init__(table)
        self._paths = paths
        self._reader = reader or TextReader()

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Some rows, whole, with the texts that the store keeps of them.

        Args:
            numbers: Which, from 0.

        Raises:
            DataError: If a file of texts cannot be read.
        """
        rows = super().rows(numbers)
        return self._reader.beside(rows, self._paths) if self._paths else rows


def readable_samples(
    store: Store, record: Record, reader: TextReader | None = None
) -> ReadableSamples | None:
    """The samples of a record with their texts; ``None`` where the store has no samples of it.

    Args:
        store: Holds them.
        record: The record.
        reader: Shared by records on the same data, so that their texts are read once.

    Raises:
        DataError: If the file of its samples cannot be read.
    """
    path = store.samples_path(record)
    if path is None:
        return None
    return ReadableSamples(_read(path), store.texts_paths(record), reader)


def _with_items(
    row: Mapping[str, Any], items: Sequence[Mapping[Name, Mapping[str, Any]]]
) -> dict[str, Any]:
    name = (row.get("subset") or "", row["sample"])
    texts = next((found[name] for found in items if name in found), {})
    return {**row, **{column: text for column, text in texts.items() if column not in row}}


def _with_named(
    row: dict[str, Any], named: Sequence[tuple[Mapping[Name, int], Any]]
) -> dict[str, Any]:
    subset = row.get("subset") or ""

    def text(value: object) -> str | None:
        name = (subset, str(value))
        return next((str(texts[at[name]]) for at, texts in named if name in at), None)

    if not named:
        return row
    texts: dict[str, Any] = {}
    for column in REFERRING:
        value = row.get(column)
        if value is not None:
            several = isinstance(value, list)
            texts[column + TEXT] = [text(one) for one in value] if several else text(value)
    return {**row, **texts}


def _read(path: Path) -> Any:
    with parquet_file(path) as file:
        return file.read(use_threads=False)
