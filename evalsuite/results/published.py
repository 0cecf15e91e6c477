"""Published rows: figures from papers, as printed, each table with its source.

A table is two files: ``NAME.csv`` with the figures, and ``NAME.yaml`` with where they come from
and what has to be known about some of them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from evalsuite.errors import DataError, UsageError, first_invalid
from evalsuite.layouts import LayoutName
from evalsuite.paths import shipped_published
from evalsuite.schema import Frozen

AVERAGE = "Average"
"""Name of the column (or line) that holds averages."""
_CATEGORY = "category"


class RowNote(Frozen):
    """What is to be known about some rows."""

    text: str
    rows: tuple[str, ...]


class CellNote(RowNote):
    """What is to be known about one column of some rows."""

    column: str
    ranked: bool = True
    """Whether these cells, and averages over them, take part in best and second."""


class OtherConvention(Frozen):
    """Columns for which the leaderboard has another metric than the paper."""

    text: str
    columns: tuple[str, ...]


class PublishedInfo(Frozen):
    """What a table's YAML file says."""

    title: str
    source: str
    layout: LayoutName
    suites: tuple[str, ...]
    """Suites whose columns mean the same."""
    table: str
    """Name of the CSV file beside the YAML file."""
    transposed: bool = False
    """Whether the CSV has one line a data set and one column a model."""
    notes: tuple[str, ...] = ()
    row_notes: tuple[RowNote, ...] = ()
    cell_notes: tuple[CellNote, ...] = ()
    other_convention: OtherConvention | None = None


class PublishedRow(Frozen):
    """One model's figures, in percent."""

    name: str
    scores: dict[str, float | None]
    """Category or task → figure; ``None`` where none is printed."""
    average: float | None = None


class PublishedTable(Frozen):
    """A table of a paper."""

    head: PublishedInfo
    rows: tuple[PublishedRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _notes_name_what_is_there(self) -> Self:
        rows = [row.name for row in self.rows]
        if len(set(rows)) < len(rows):
            raise ValueError("two rows have the same name")
        columns = set(self.rows[0].scores)
        other = self.head.other_convention.columns if self.head.other_convention else ()
        noted = {n for note in (*self.head.row_notes, *self.head.cell_notes) for n in note.rows}
        for name in noted - set(rows):
            raise ValueError(f"a note names the row {name!r}, which is not there")
        for name in {*other, *(note.column for note in self.head.cell_notes)} - columns:
            raise ValueError(f"a note names the column {name!r}, which is not there")
        return self


def published_for(layout: LayoutName, suite: str, folder: Path | None = None) -> PublishedTable:
    """The published rows of a layout.

    Args:
        layout: The layout.
        suite: Name of the suite that is shown.
        folder: Where published tables are; the shipped ones if not given.

    Raises:
        UsageError: If no published rows have columns with the same meaning.
        DataError: For a file that is not valid.
    """
    tables = load_published(folder or shipped_published())
    for table in tables:
        if table.head.layout == layout and suite in table.head.suites:
            return table
    known = sorted({f"{t.head.layout} of {s}" for t in tables for s in t.head.suites})
    raise UsageError(
        f"no published rows for the layout {layout} of suite {suite}",
        f"there are: {', '.join(known)}",
    )


def load_published(folder: Path) -> list[PublishedTable]:
    """All published tables of a folder, by file name.

    Raises:
        DataError: For the first file that is not valid.
    """
    return [_load(path) for path in sorted(folder.glob("*.yaml"))]


def _load(path: Path) -> PublishedTable:
    try:
        head = PublishedInfo.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        file = path.parent / Path(head.table).name
        with file.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream, strict=True))
        return PublishedTable(head=head, rows=_rows(lines, transposed=head.transposed))
    except ValidationError as error:
        where, why = first_invalid(error)
        raise DataError(f"{path}: {where}: {why}", "correct the file") from None
    except (OSError, ValueError, csv.Error, yaml.YAMLError) as error:
        raise DataError(f"{path}: {error}", "correct the file") from error


def _rows(lines: Sequence[Sequence[str]], *, transposed: bool) -> tuple[PublishedRow, ...]:
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError("the CSV file is empty, or its lines differ in length")
    table = [list(line) for line in lines]
    if _CATEGORY in table[0]:
        place = table[0].index(_CATEGORY)
        table = [line[:place] + line[place + 1 :] for line in table]
    if transposed:
        table = [list(line) for line in zip(*table, strict=True)]
    columns = table[0][1:]
    if len(set(columns)) < len(columns):
        raise ValueError("the CSV file names a column twice")
    return tuple(_row(line[0], dict(zip(columns, line[1:], strict=True))) for line in table[1:])


def _row(name: str, printed: dict[str, str]) -> PublishedRow:
    figures: dict[str, Any] = {key: _figure(text) for key, text in printed.items()}
    average = figures.pop(AVERAGE, None)
    return PublishedRow(name=name, scores=figures, average=average)


def _figure(text: str) -> float | None:
    if not text:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a score")
    return value
