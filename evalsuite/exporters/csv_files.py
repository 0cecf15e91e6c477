"""Tables of records and samples as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from evalsuite.exporters.base import Chosen, Rows, Written, write_bytes
from evalsuite.exporters.flat import write_tables


def write(chosen: Chosen, folder: Path) -> Written:
    """Write ``records.csv`` and ``samples/ROW/TASK.csv``; an absent value is an empty cell."""
    return write_tables(chosen, folder, ".csv", _table)


def _table(path: Path, rows: Rows) -> Path:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return write_bytes(path, text.getvalue().encode("utf-8", "replace"))


def _cell(value: object) -> object:
    """Lists and objects as JSON; numbers and texts as they are."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
