"""The folder of a store with the texts that its samples refer to.

Layout::

    texts/
        <task>.<data:8>.<content:12>.items.parquet    of test items: sample, subset, texts
        <task>.<data:8>.<content:12>.named.parquet    what samples name by id: subset, id, text
        <task>.<data:8>.<content:12>.found.parquet    the same: what one checkpoint has found

A file is named after the task with its data, and after what it holds. It is written once and never
changed, and a record lists the files that its samples refer to. So a second checkpoint on the same
data adds nothing but what it alone has found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from evalsuite.files import flush, write_atomically
from evalsuite.sample_texts import MOST, Name, SampleTexts, within
from evalsuite.schema import Signature, digest

FOLDER: Final = "texts"
ROOM: Final = 4
"""What a checkpoint has found may add texts of a quarter of its own bytes, about. The first one on
a data set has all the room: what others find is mostly among the same documents."""
_PACKED: Final = 2
"""Bytes of text that become one byte in a file, at least."""

Part = Literal["items", "named", "found"]


class TextFiles:
    """The texts of a store.

    Args:
        root: Folder of the store.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def put(self, stem: str, texts: SampleTexts, size: int) -> tuple[str, ...]:
        """Write what is not there yet.

        Args:
            stem: What :func:`stem_of` gives for the task and its data.
            texts: All texts of a record's samples.
            size: Bytes of the record and its samples.

        Returns:
            Names of the files that the samples refer to.

        Raises:
            OSError: If a file cannot be written.
        """
        names = []
        if texts.items:
            names.append(self._write(stem, "items", list(texts.items)))
        if texts.named:
            names.append(self._write(stem, "named", _rows(texts.named)))
        return (*names, *self._found(stem, texts, size))

    def paths(self, names: Iterable[str]) -> list[Path]:
        """The files of some names that are there."""
        return [path for name in names if (path := self.folder / name).is_file()]

    def adopt(self, paths: Iterable[Path]) -> None:
        """Copy files of another store.

        Raises:
            OSError: If one cannot be read or written.
        """
        for path in paths:
            target = self.folder / path.name
            if not target.is_file():
                self._save(target, path.read_bytes())

    def keep_only(self, names: Collection[str]) -> None:
        """Remove all files but some.

        Raises:
            OSError: If one cannot be removed.
        """
        for path in self.folder.glob("*.parquet"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _found(self, stem: str, texts: SampleTexts, size: int) -> Iterable[str]:
        """Files with the documents that a checkpoint has found, with those it alone has found."""
        there = {path.name: _names(path) for path in self.folder.glob(f"{stem}.*.found.parquet")}
        known = set(texts.named).union(*there.values())
        news = ((name, text) for name, text in texts.found.items() if name not in known)
        kept, _ = within(news, _PACKED * size // ROOM if there else MOST)
        shared = [file for file, names in there.items() if not names.isdisjoint(texts.found)]
        return [*sorted(shared), *([self._write(stem, "found", _rows(kept))] if kept else [])]

    def _write(self, stem: str, part: Part, rows: list[Mapping[str, Any]]) -> str:
        path = self.folder / f"{stem}.{digest(rows)[:12]}.{part}.parquet"
        if not path.is_file():
            self._save(path, _packed(rows))
        return path.name

    def _save(self, path: Path, content: bytes) -> None:
        write_atomically(path, content, sync=True)
        flush(self.folder)


def stem_of(slug: str, signature: Signature) -> str:
    """What the files of a task and its data are called: its name, and a hash of both.

    Args:
        slug: The task's name, fit for files.
        signature: Of a score on them.
    """
    return f"{slug}.{digest([signature.task_hash, signature.data])[:8]}"


def _names(path: Path) -> set[Name]:
    """What a file has texts of; nothing where it cannot be read, so that it is not referred to."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            table = file.read(columns=["subset", "id"], use_threads=False)
    except (OSError, pa.ArrowException):
        return set()
    return set(zip(table["subset"].to_pylist(), table["id"].to_pylist(), strict=True))


def _rows(texts: Mapping[Name, str]) -> list[Mapping[str, Any]]:
    return [{"subset": subset, "id": name, "text": text} for (subset, name), text in texts.items()]


def _packed(rows: list[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist([dict(row) for row in rows])
    pq.write_table(table, sink, compression="zstd", compression_level=6)
    return bytes(sink.getvalue().to_pybytes())
