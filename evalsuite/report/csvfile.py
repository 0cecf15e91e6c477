"""Tables as CSV, for programs."""

from __future__ import annotations

import csv
import io

from evalsuite.results.columns import WORLDS
from evalsuite.results.tables.model import NO_ANSWER, Cell, Head, Table, TableSection

RANK = (" rank low", " rank high", " ties", " rank paired")


def to_csv(table: Table) -> str:
    """A table as CSV in full precision.

    Columns: ``checkpoint`` (or what else the rows are), ``group``, ``mark``, ``fingerprint``,
    ``signature_embedding``, ``signature_generative``, then for each column of the table
    ``Section/Label`` (display units, empty without a score), ``… stderr``, ``… low`` and
    ``… high`` (the ends of its 95 % interval; empty where they are not known) and ``… status``
    (``scored``, ``missing``, ``failed``, ``skipped``, or ``suspect:`` and why for a score that
    must not be trusted without a look). Generative columns also have the shares of their samples
    that are ``… unparsed``, ``… timeouts`` and ``… unjudged`` (0 to 1, empty
    where not known). Where scores have ranks, ``… rank low``, ``… rank high``, ``… ties`` and
    ``… rank paired`` follow.
    """
    names = [
        f"{section.title}/{head.label}" for section in table.sections for head in section.columns
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    more = RANK if table.ranked else ()
    kinds = [
        [*_kinds(section, head), *more] for section in table.sections for head in section.columns
    ]
    about = [table.corner.lower(), "group", "mark", "fingerprint"]
    about += [f"signature_{world}" for world in WORLDS]
    writer.writerow(
        [*about, *(n + kind for n, of in zip(names, kinds, strict=True) for kind in of)]
    )
    for row in table.rows:
        protocols = [row.protocol.get(world, "") for world in WORLDS]
        scores = [
            part
            for cell, of in zip(row.cells, kinds, strict=True)
            for part in (
                *(cell.value, cell.stderr, *_ends(cell), _status(cell), *_shares(cell, of)),
                *(_rank(cell) if more else ()),
            )
        ]
        writer.writerow([row.name, row.group, row.mark, row.fingerprint, *protocols, *scores])
    return out.getvalue()


def _kinds(section: TableSection, head: Head) -> list[str]:
    lost = NO_ANSWER if section.world == "generative" and not head.average else ()
    return ["", " stderr", " low", " high", " status", *(f" {name}" for name in lost)]


def _status(cell: Cell) -> str:
    shown = cell.suspect if cell.value is not None else ()
    return f"suspect: {', '.join(shown)}" if shown else cell.status


def _shares(cell: Cell, kinds: list[str]) -> list[float | None]:
    return [cell.no_answer.get(name) for kind in kinds if (name := kind.strip()) in NO_ANSWER]


def _rank(cell: Cell) -> tuple[int | str | None, ...]:
    rank = cell.rank
    return (rank.low, rank.high, rank.ties, int(rank.paired)) if rank else (None,) * len(RANK)


def _ends(cell: Cell) -> tuple[float | None, float | None]:
    found = cell.score.interval() if cell.score else None
    return (found.low, found.high) if found else (None, None)
