"""Tables as CSV, for programs."""

from __future__ import annotations

import csv
import io

from evalsuite.report.layout import WORLDS
from evalsuite.report.model import Table


def to_csv(table: Table) -> str:
    """A table as CSV in full precision.

    Columns: ``checkpoint``, ``mark``, ``fingerprint``, ``signature_embedding``,
    ``signature_generative``, then for each column of the table ``Section/Label`` (display units,
    empty without a score), ``… stderr`` (empty where it is not known) and ``… status``
    (``scored``, ``missing``, ``failed`` or ``skipped``).
    """
    names = [
        f"{section.title}/{head.label}" for section in table.sections for head in section.columns
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    about = ["checkpoint", "mark", "fingerprint", *(f"signature_{world}" for world in WORLDS)]
    writer.writerow([*about, *(n + kind for n in names for kind in ("", " stderr", " status"))])
    for row in table.rows:
        protocols = [row.protocol.get(world, "") for world in WORLDS]
        scores = [part for c in row.cells for part in (c.value, c.stderr, c.status)]
        writer.writerow([row.name, row.mark, row.fingerprint, *protocols, *scores])
    return out.getvalue()
