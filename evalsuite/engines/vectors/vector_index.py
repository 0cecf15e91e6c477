"""In which file each text's vector is, and in which row: 22 bytes of memory for each text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

KEY_BYTES: Final = 16
"""Length of a text's key. Keys are compared in full: two texts with one key would be mixed up."""


class _Run(NamedTuple):
    """Texts in the order of their keys."""

    keys: NDArray[np.bytes_]
    files: NDArray[np.int32]
    rows: NDArray[np.uint16]


class VectorIndex:
    """From the key of a text to a file and a row in it.

    Texts are kept in a few sorted runs, each more than twice as long as the next. So adding ``n``
    texts in many calls takes ``n log n`` steps in all, and so does looking them up.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._runs: list[_Run] = []

    @property
    def nbytes(self) -> int:
        """Memory that grows with the number of texts."""
        return sum(column.nbytes for run in self._runs for column in run)

    def add(self, keys: Sequence[bytes], name: str) -> None:
        """Enter the texts of a file.

        Args:
            keys: Key of each row's text, :data:`KEY_BYTES` long; at most 65,536. A key that was
                entered before now points to this file.
            name: The file's name.
        """
        run = _sorted(
            _Run(
                _array(keys),
                np.full(len(keys), len(self._names), dtype=np.int32),
                np.arange(len(keys), dtype=np.uint16),
            )
        )
        self._names.append(name)
        while self._runs and len(self._runs[-1].keys) <= 2 * len(run.keys):
            run = _sorted(_joined(run, self._runs.pop()))
        self._runs.append(run)

    def find(self, keys: Sequence[bytes]) -> dict[str, tuple[list[int], list[int]]]:
        """Look for texts.

        Args:
            keys: Keys of the texts.

        Returns:
            File → indices in ``keys`` of the texts that it holds, and their rows. Of several
            files with a text, the one that was added last.
        """
        wanted = _array(keys)
        files = np.full(len(keys), -1, dtype=np.int32)
        rows = np.zeros(len(keys), dtype=np.uint16)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run.keys, wanted), len(run.keys) - 1)
            same = run.keys[at] == wanted
            files[same], rows[same] = run.files[at[same]], run.rows[at[same]]
        found: dict[str, tuple[list[int], list[int]]] = {}
        for index in np.flatnonzero(files >= 0).tolist():
            indices, inside = found.setdefault(self._names[files[index]], ([], []))
            indices.append(index)
            inside.append(int(rows[index]))
        return found


def _array(keys: Sequence[bytes]) -> NDArray[np.bytes_]:
    return np.frombuffer(b"".join(keys), dtype=f"S{KEY_BYTES}")


def _joined(run: _Run, older: _Run) -> _Run:
    return _Run(
        np.concatenate([run.keys, older.keys]),
        np.concatenate([run.files, older.files]),
        np.concatenate([run.rows, older.rows]),
    )


def _sorted(run: _Run) -> _Run:
    """By key; of equal keys the one that is first in ``run`` stays first, and is found."""
    order = np.argsort(run.keys, kind="stable")
    return _Run(run.keys[order], run.files[order], run.rows[order])
