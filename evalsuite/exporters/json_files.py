"""Stored records as they are, and samples as JSON lines."""

from __future__ import annotations

from pathlib import Path

from evalsuite.exporters.base import Chosen, Written, write_json, write_lines
from evalsuite.exporters.flat import sample_files


def write(chosen: Chosen, folder: Path) -> Written:
    """Write ``records.json``, a list of records as a store has them, and ``samples/…jsonl``."""
    records = [r.model_dump(mode="json") for run in chosen.runs for r in run.records]
    files = [write_json(folder / "records.json", records)]
    files += [
        write_lines(folder / f"{name}.jsonl", rows) for _, _, name, rows in sample_files(chosen)
    ]
    return Written(files=tuple(files))
