"""Tables of records and samples as Parquet."""

from __future__ import annotations

from pathlib import Path

from evalsuite.exporters.base import Chosen, Rows, Written, write_bytes
from evalsuite.exporters.flat import write_tables


def write(chosen: Chosen, folder: Path) -> Written:
    """Write ``records.parquet`` and ``samples/ROW/TASK.parquet``."""
    return write_tables(chosen, folder, ".parquet", _table)


def _table(path: Path, rows: Rows) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows]) for name in names}
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return write_bytes(path, sink.getvalue().to_pybytes())
