"""A table as frozen data: all that a renderer needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from evalsuite.results.means import CellStatus, DisplayScore
from evalsuite.schema import SuspicionCode, World
from evalsuite.text import number

AVERAGE = "Avg"
"""Label of a section's one average."""
MISSING = "–"
"""Text of a cell without a score."""
_WORDS = {"missing": MISSING, "failed": "failed", "skipped": "skip", "stopped": "stopped"}

NO_ANSWER: dict[str, str] = {
    "unparsed": "no answer found",
    "timeouts": "timed out",
    "unjudged": "not judged",
}
"""Metric of a record (a share of its samples without an answer) → its name under a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """The ranks that a score may have in its column."""

    low: int
    """The best one, from 1."""
    high: int
    """The worst one."""
    ties: str
    """Letters of the groups that it belongs to, as ``A``, ``BC`` or ``C-F``; scores that share one
    cannot be told apart."""
    paired: bool
    """Whether it was compared with all others on the same items."""

    def shown(self) -> str:
        """Its text: ``1-3 A``, ``2 B-D``, ``~4 E``; with ``~`` where not all were paired."""
        ranks = f"{self.low}" if self.low == self.high else f"{self.low}-{self.high}"
        return f"{'' if self.paired else '~'}{ranks} {self.ties}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score of a table."""

    status: CellStatus
    value: float | None = None
    """In display units (``100 × score`` unless the task says otherwise), not rounded."""
    stderr: float | None = None
    """Standard error of ``value`` in the same unit; ``None`` where it is not known."""
    score: DisplayScore | None = field(default=None, compare=False, repr=False)
    """What ``value`` comes from, where it is a score."""
    text: str = ""
    """Shown in the place of ``value``, where the decimals of the table do not fit."""
    mark: str = ""
    """Marks of the notes that concern this cell, joined by commas."""
    best: bool = False
    second: bool = False
    no_answer: dict[str, float] = field(default_factory=dict)
    """Key of :data:`NO_ANSWER` → share of the samples behind the score."""
    rank: Rank | None = None
    """Where ranks were asked for and the score has one."""
    suspect: tuple[SuspicionCode, ...] = ()
    """Why the score, or one of those that it would be the mean of, must not be trusted without a
    look; a note says more."""

    def shown(self, decimals: int, *, stderr: bool = False) -> str:
        """The cell's text without its mark: ``83.4``, ``83.4 ± 0.6``, ``–``, ``failed``, ``skip``.

        A rank follows in brackets: ``83.4 (1-3 A)``.

        Args:
            decimals: Decimals of the score.
            stderr: Whether to add the standard error where it is known.
        """
        if self.text:
            return self.text
        if self.value is None:
            return _WORDS[self.status]
        score = number(self.value, decimals)
        if stderr and self.stderr is not None:
            score = f"{score} ± {number(self.stderr, decimals)}"
        return f"{score} ({self.rank.shown()})" if self.rank else score


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Heading of one column."""

    label: str
    average: bool = False
    """Whether this is an average of its section."""
    mark: str = ""

    def words(self, section: str) -> str:
        """What the column is called where its section's title does not stand above it."""
        return f"{section}, average" if self.average and self.label == AVERAGE else self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSection:
    """Neighbouring columns under one title."""

    world: World | None
    """``None`` for columns about both."""
    title: str
    columns: tuple[Head, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One checkpoint under one protocol."""

    name: str
    fingerprint: str
    cells: tuple[Cell, ...]
    """One a column, over all sections from left to right."""
    mark: str = ""
    """Marks of the notes that say what sets this row apart from the checkpoint's other rows."""
    protocol: dict[World, str] = field(default_factory=dict)
    """World → the part of the signature that all scores of the row share there."""
    group: str = ""
    """Title above the neighbouring rows that this one belongs to; empty for no title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One line under a table; without a mark it concerns the whole table."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Scores of checkpoints, ready to be rendered."""

    title: str
    sections: tuple[TableSection, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]
    decimals: int = 1
    """Decimals shown; ``best`` and ``second`` were decided at this precision."""
    corner: str = "Checkpoint"
    """What the rows are."""
    checkpoints_across: bool = False
    """Whether checkpoints are the columns, not the rows."""

    @property
    def groups(self) -> tuple[tuple[str, tuple[Row, ...]], ...]:
        """Neighbouring rows of the same group, with its title."""
        return tuple((name, tuple(rows)) for name, rows in groupby(self.rows, lambda r: r.group))

    @property
    def ranked(self) -> bool:
        """Whether any of its scores says which ranks it may have."""
        return any(cell.rank for row in self.rows for cell in row.cells)

    @property
    def suspect(self) -> bool:
        """Whether it shows a score that must not be trusted without a look."""
        return any(cell.suspect for row in self.rows for cell in row.cells)

    @property
    def heads(self) -> tuple[Head, ...]:
        """The columns of all sections, from left to right."""
        return tuple(head for section in self.sections for head in section.columns)
