"""A corpus as mteb holds it, read in blocks; in memory are eight bytes a document."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from mteb._create_dataloaders import _corpus_to_dict

from evalsuite.search.topk import Places, Rows

COLUMNS: Final = ("id", "title", "text")
"""Of a document; others do not reach a model."""


class Corpus:
    """Documents by row.

    Args:
        rows: mteb's data set with ``id``, ``text`` and perhaps ``title``.

    Attributes:
        places: Row → position by descending id, so that the earlier place is the one that
            trec_eval (and mteb) ranks first of equal scores.
    """

    def __init__(self, rows: Any) -> None:
        self._rows = rows.select_columns([c for c in COLUMNS if c in rows.column_names])
        names = rows.select_columns("id").with_format("arrow")[:]["id"]
        self._names = names if pa.types.is_string(names.type) else names.cast(pa.string())
        # Bytes of UTF-8 sort like the characters that they encode.
        order = pc.sort_indices(self._names, sort_keys=[("", "descending")])
        self._order = np.asarray(order).astype(np.uint32)
        self.places: Places = np.empty_like(self._order)
        self.places[self._order] = np.arange(len(rows), dtype=np.uint32)

    def __len__(self) -> int:
        return len(self._rows)

    def texts(self, start: int, end: int) -> list[str]:
        """What is embedded of some rows: titles joined to texts, as in mteb."""
        return [shaped["text"] for _, shaped in self._read(slice(start, end))]

    def titles_and_bodies(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Title (empty for none) and text of some rows."""
        return [(shaped.get("title", ""), row["text"]) for row, shaped in self._read(list(rows))]

    def rows_at(self, places: Places) -> Rows:
        """From places to rows."""
        return self._order[places].astype(np.int64)

    def names(self, rows: Rows) -> list[str]:
        """Ids of some rows."""
        names: list[str] = self._names.take(pa.array(rows)).to_pylist()
        return names

    def rows_of(self, names: Collection[str]) -> dict[str, int]:
        """Id → row, of those that are there."""
        wanted = list(dict.fromkeys(names))
        found = pc.index_in(self._names, value_set=pa.array(wanted, pa.string()))
        rows = np.flatnonzero(np.asarray(found.is_valid()))
        which = found.take(pa.array(rows)).to_pylist()
        return {wanted[index]: row for index, row in zip(which, rows.tolist(), strict=True)}

    def _read(self, rows: slice | list[int]) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        columns = self._rows[rows]
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            yield row, _corpus_to_dict(row)
