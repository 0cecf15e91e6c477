"""The ranks of a table's rows in each column: intervals, and groups that cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evalsuite.results.compare.pair import Load
from evalsuite.results.joint import Joint, joint_of
from evalsuite.results.means import DisplayScore
from evalsuite.results.tables.model import Cell, Note, Rank, Row, Table
from evalsuite.schema import Record
from evalsuite.stats import better_than, rank_intervals, t_matrix, tie_groups
from evalsuite.text import listed

Floats = NDArray[np.float64]

ABOUT = (
    "in brackets: the ranks that a row may have, with 95 % confidence for all rows of a column "
    "together, and letters: rows that share one cannot be told apart; bold: no row is shown to be "
    "better"
)
UNPAIRED = (
    "~: compared by standard errors, as if the test items were others, where two rows do not have "
    "samples of the same items"
)
NO_RANKS = "no ranks: no column has two comparable scores with known standard errors"
BEST = "bold: best, underlined: second"


@dataclass(frozen=True, slots=True)
class _Line:
    """Scores that are ranked with each other."""

    cells: tuple[Cell, ...]
    comparable: bool


def with_ranks(table: Table, load: Load) -> Table:
    """A table whose scores say which ranks they may have.

    Each column is ranked by itself: with a chance of at most 5 %, any of its intervals misses a
    true rank. A score without a standard error, or one that is suspect, has no rank and does not
    count in the ranks of others; nor has a column whose rows cannot be compared.

    Args:
        table: Its scores in display units.
        load: Reads a record's samples; scores without are compared by their standard errors.
    """
    joints: dict[str, Joint] = {}
    done = [_ranked(line, joints, load) for line in _lines(table)]
    if not any(cell.rank for line in done for cell in line):
        return replace(table, notes=(*table.notes, Note(text=NO_RANKS)))
    cells = done if table.checkpoints_across else list(zip(*done, strict=True))
    rows = tuple(replace(row, cells=tuple(of)) for row, of in zip(table.rows, cells, strict=True))
    names = [one.name for one in table.rows]
    if table.checkpoints_across:
        names = [head.label for head in table.heads]
    notes = [replace(note, text=_without_best(note.text)) for note in table.notes]
    return replace(table, rows=rows, notes=(*notes, *_notes(rows, names, done)))


def _lines(table: Table) -> list[_Line]:
    if table.checkpoints_across:
        return [_Line(row.cells, not row.mark) for row in table.rows]
    return [
        _Line(tuple(row.cells[at] for row in table.rows), not head.mark)
        for at, head in enumerate(table.heads)
    ]


def _ranked(line: _Line, joints: dict[str, Joint], load: Load) -> tuple[Cell, ...]:
    """The cells of a line, with a rank where at least two can have one."""
    scores = [None if cell.suspect else cell.score for cell in line.cells]
    leaves = [_leaves(score) if score else {} for score in scores]
    signs = {score.metric.sign for score in scores if score and score.value is not None}
    if not line.comparable or len(signs) != 1 or (sign := signs.pop()) is None:
        return _unmarked(line.cells)
    for task in dict.fromkeys(task for found in leaves for task in found):
        if task not in joints:
            joints[task] = joint_of([f[task][0] if task in f else None for f in leaves], load)
    evidence = _evidence(leaves, joints)
    known = np.flatnonzero(np.isfinite(np.diag(evidence.covariance)) & [bool(f) for f in leaves])
    if known.size < 2:
        return _unmarked(line.cells)
    values = np.array([sign * (line.cells[at].value or 0.0) for at in known])
    ranks = _ranks(values, _only(evidence, known))
    cells = list(_unmarked(line.cells))
    for at, rank in zip(known, ranks, strict=True):
        cells[at] = replace(cells[at], rank=rank, best=rank.low == 1)
    return tuple(cells)


def _unmarked(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Cells that are neither best nor second: that is said of ranked ones alone."""
    return tuple(replace(cell, best=False, second=False) for cell in cells)


def _leaves(score: DisplayScore, weight: float = 1.0) -> dict[str, tuple[Record, float]]:
    """Task → its record, and what a unit of the record's score adds to a displayed score."""
    if score.record is not None:
        return {score.record.signature.task: (score.record, weight * score.metric.factor)}
    found: dict[str, tuple[Record, float]] = {}
    for part in score.parts:
        for task, (record, share) in _leaves(part, weight / len(score.parts)).items():
            found[task] = (record, share + (found[task][1] if task in found else 0.0))
    return found


def _evidence(
    leaves: Sequence[Mapping[str, tuple[Record, float]]], joints: Mapping[str, Joint]
) -> Joint:
    """What is known of displayed scores, as sums over independent tasks."""
    size = len(leaves)
    total = np.zeros((size, size))
    groups = np.full(size, np.iinfo(np.int64).max)
    paired = np.ones((size, size), dtype=np.bool_)
    tasks = list(dict.fromkeys(task for found in leaves for task in found))
    for task in tasks:
        joint = joints[task]
        weights = np.array([found[task][1] if task in found else 0.0 for found in leaves])
        counts = weights != 0
        total += np.where(np.outer(counts, counts), joint.covariance, 0) * np.outer(
            weights, weights
        )
        groups = np.where(counts, np.minimum(groups, joint.groups), groups)
        paired &= joint.paired | ~(counts[:, None] | counts[None, :])
    exact = np.full((size, size), np.nan)
    if len(tasks) == 1:
        exact = joints[tasks[0]].exact
    return Joint(total, groups, paired, exact)


def _only(joint: Joint, kept: NDArray[np.intp]) -> Joint:
    block = np.ix_(kept, kept)
    return Joint(
        joint.covariance[block], joint.groups[kept], joint.paired[block], joint.exact[block]
    )


def _ranks(values: Floats, evidence: Joint) -> list[Rank]:
    """Ranks of scores, of which the higher is the better."""
    own = np.diag(evidence.covariance)
    variance = own[:, None] + own[None, :] - 2 * evidence.covariance
    # What rounding leaves of two models that answer alike is no variance.
    variance[variance < 1e-12 * (own[:, None] + own[None, :])] = 0.0
    p = t_matrix(values, np.sqrt(variance), evidence.groups)
    p = np.where(np.isnan(evidence.exact), p, evidence.exact)
    better = better_than(values, p)
    order = np.argsort(-values, kind="stable").tolist()
    groups = tie_groups(better, order)
    return [
        Rank(
            low=low,
            high=high,
            ties=_letters([place for place, group in enumerate(groups) if at in group]),
            paired=bool(evidence.paired[at].all()),
        )
        for at, (low, high) in enumerate(rank_intervals(better))
    ]


def _letters(places: Sequence[int]) -> str:
    """Letters of some groups: ``A``, ``BC``, ``C-F`` for more than two in a row."""
    letters = [_letter(place) for place in places]
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"{letters[0]}-{letters[-1]}"
    return ("" if all(len(letter) == 1 for letter in letters) else ",").join(letters)


def _letter(place: int) -> str:
    """``A`` to ``Z``, then ``AA`` and so on."""
    turns, rest = divmod(place, 26)
    return (_letter(turns - 1) if turns else "") + chr(ord("A") + rest)


def _without_best(text: str) -> str:
    """The legend without what it says of best and second."""
    return "; ".join(part for part in text.split("; ") if part != BEST)


def _notes(
    rows: Sequence[Row], names: Sequence[str], lines: Sequence[Sequence[Cell]]
) -> Iterator[Note]:
    ranks = [cell.rank for row in rows for cell in row.cells if cell.rank]
    yield Note(text=ABOUT)
    if not all(rank.paired for rank in ranks):
        yield Note(text=UNPAIRED)
    lacking = [
        name
        for at, name in enumerate(names)
        if any(
            line[at].value is not None and line[at].rank is None and any(cell.rank for cell in line)
            for line in lines
        )
    ]
    if lacking:
        yield Note(
            text="no rank, and not counted in the ranks of others, where the standard error is not "
            f"known or the score is suspect: {listed(lacking)}"
        )
