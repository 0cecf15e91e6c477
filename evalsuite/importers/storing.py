"""Storing what was imported: each file once, and never one file's score over another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalsuite.errors import DataError
from evalsuite.importers.records import ImportedScores, Samples
from evalsuite.schema import Record, digest
from evalsuite.store import Store
from evalsuite.text import listed

LONGEST_LISTING = 20
"""Lines of what was left out that are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What storing an import did."""

    new: int = 0
    known: int = 0
    """Records that were there already."""
    replaced: int = 0
    """Records that an earlier version of evalsuite had made of the same files."""
    left_out: tuple[str, ...] = ()
    """Scores that another file's score stands in the place of, one line each."""


def put_new(store: Store, found: ImportedScores) -> Stored:
    """Store what is not stored yet.

    A file's own earlier record is found by the file's hash; where it says something else than now,
    the new one takes its place. A score whose task, model and settings another file has a score of
    is left out: nothing says which of the two is right.

    Raises:
        DataError: If a file of the store cannot be read.
        StoreError: If the store cannot be written.
    """
    there = [record for record in store.records() if record.origin]
    if store.problems:
        raise DataError(store.problems[0], "move it away, or upgrade evalsuite")
    by_file: dict[tuple[str, str], list[Record]] = {}
    cells: dict[tuple[str, str], Record] = {}
    for record in there:
        by_file.setdefault(_file(record), []).append(record)
        cells[_cell(record)] = record
    new: list[tuple[Record, Samples, list[Record]]] = []
    left_out: list[str] = []
    known = 0
    for record, samples in found.records:
        own = _own(record, by_file.get(_file(record), []), found.earlier)
        other = cells.get(_cell(record))
        if len(own) == 1 and _same(own[0], record, samples):
            known += 1
        elif other is not None and other not in own and other.score is not None:
            left_out.append(_conflict(record, other))
        else:
            new.append((record, samples, own))
    if new:
        store.prepare()
    for record, samples, own in new:
        store.put(record, list(samples))
        for earlier in own:
            store.remove(earlier)
    replaced = sum(bool(own) for *_, own in new)
    return Stored(new=len(new) - replaced, known=known, replaced=replaced, left_out=tuple(left_out))


def _file(record: Record) -> tuple[str, str]:
    return record.signature.task, record.origin.sha256 if record.origin else ""


def _cell(record: Record) -> tuple[str, str]:
    return record.checkpoint.fingerprint, record.signature.plan_key


def _own(
    record: Record, same_file: list[Record], earlier: Mapping[str, frozenset[str]]
) -> list[Record]:
    """Records of the same file and model, this version's or an earlier one's."""
    print_ = record.checkpoint.fingerprint
    mine = {print_, *earlier.get(print_, ())}
    return [other for other in same_file if other.checkpoint.fingerprint in mine]


def _same(stored: Record, record: Record, samples: Samples) -> bool:
    """Whether a stored record says what a new one would say."""
    rows = stored.samples.rows if stored.samples else 0
    return rows == len(samples) and _content(stored) == _content(record)


def _content(record: Record) -> str:
    return digest(record.model_dump(mode="json", exclude={"created", "samples"}))


def _conflict(record: Record, other: Record) -> str:
    ours, theirs = record.origin, other.origin
    assert ours is not None
    assert theirs is not None
    has = record.reason if record.score is None else f"has {record.score:.6g}"
    return (
        f"{ours.file} {has} for {record.signature.task} of {record.checkpoint.name}, but "
        f"{other.score:.6g} from {theirs.file} is stored under the same settings; import it with a "
        "--name of its own, or into another store"
    )


def summary(found: ImportedScores, stored: Stored) -> list[str]:
    """What an import did, in lines for a person.

    Raises:
        DataError: If nothing could be taken over.
    """
    left_out = [*found.left_out, *stored.left_out]
    if left_out and not stored.new + stored.known + stored.replaced:
        more = f" (and {len(left_out) - 1} more)" if len(left_out) > 1 else ""
        message, _, hint = left_out[0].partition("; ")
        raise DataError(f"nothing was taken over: {message}{more}", hint or None)
    lines = _models(found)
    lines += [f"left out: {line}" for line in left_out[:LONGEST_LISTING]]
    if len(left_out) > LONGEST_LISTING:
        lines.append(f"left out: {len(left_out) - LONGEST_LISTING} more")
    if found.unknown:
        names = list(dict.fromkeys(found.unknown))
        lines.append(f"without a task file, so imported by their own name: {listed(names)}")
    again = f", {stored.replaced} renewed" if stored.replaced else ""
    return [*lines, f"{stored.new} records new{again}, {stored.known} already there"]


def _models(found: ImportedScores) -> list[str]:
    """The rows that were found, and how many scores each has."""
    rows: dict[tuple[str, str], int] = {}
    for record, _ in found.records:
        revision = (record.origin and record.origin.revision) or "not stated"
        key = (record.checkpoint.source, revision)
        rows[key] = rows.get(key, 0) + (record.score is not None)
    lines = [f"{model}, revision {rev}: {count} scores" for (model, rev), count in rows.items()]
    if len({model for model, _ in rows}) < len(rows):
        lines.append("revisions of one model are rows of their own; --revision joins the unstated")
    return lines
