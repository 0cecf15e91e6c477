"""The lines under a table and their marks: how scores came to be, and what signs mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from evalsuite.layouts import Convention
from evalsuite.results.columns import WORLDS, Layout, SectionPlan
from evalsuite.results.means import DisplayScore
from evalsuite.results.published import PublishedTable
from evalsuite.results.rows import RowPlan
from evalsuite.results.signatures import (
    ONLY_IF_DIFFERENT,
    PER_TASK,
    Parts,
    common,
    line,
    parts,
    without,
)
from evalsuite.results.tables.model import MISSING, NO_ANSWER, Note, Row
from evalsuite.schema import Record, World, digest
from evalsuite.suspicions import said
from evalsuite.text import listed, plain

MOST_LINES = 6
"""Signature lines of single rows in one world; what is beyond stands in the CSV. Likewise
warnings."""
LONGEST_WARNING = 160
"""Characters of a warning shown under a table."""

_LETTERS = "abcdefghijklmnoprstuvwxyz"  # without q, which has no superscript in Unicode
_SYMBOLS = "†‡§¶"


class Marks:
    """Hands out marks; the same text gets the same mark.

    Args:
        sequence: The mark of the n-th text, from 0.
    """

    def __init__(self, sequence: Callable[[int], str]) -> None:
        self._sequence = sequence
        self._about: dict[str, dict[str, None]] = {}
        self._marks: dict[str, str] = {}

    def mark(self, text: str, about: str = "") -> str:
        """The mark of a text.

        Args:
            text: What the note says.
            about: What it is said about here; the note names the first few of these.
        """
        mark = self._marks.setdefault(text, self._sequence(len(self._marks)))
        if about:
            self._about.setdefault(text, {})[about] = None
        return mark

    @property
    def notes(self) -> list[Note]:
        """All texts with their marks."""
        return [
            Note(mark=mark, text=f"{text} ({listed(list(about))})" if about else text)
            for text, mark in self._marks.items()
            for about in (self._about.get(text),)
        ]


def letter(index: int) -> str:
    """Letters: ``a`` to ``z``, then ``aa`` and so on."""
    turns, place = divmod(index, len(_LETTERS))
    return (letter(turns - 1) if turns else "") + _LETTERS[place]


def number(index: int) -> str:
    """Numbers from 1."""
    return str(index + 1)


def symbol(index: int) -> str:
    """Symbols: ``†``, ``‡``, ``§``, ``¶``, then doubled."""
    turns, place = divmod(index, len(_SYMBOLS))
    return _SYMBOLS[place] * (turns + 1)


def signature_notes(
    rows: Sequence[RowPlan], names: Sequence[str], tasks: Sequence[str]
) -> list[Note]:
    """Signatures in short: what all share once, then what rows and tasks add to it.

    Args:
        rows: The rows.
        names: How the rows are called here.
        tasks: The tasks that the table shows.
    """
    by_world = {world: _scored(rows, world, tasks) for world in WORLDS}
    present = [world for world in WORLDS if by_world[world]]
    shared = {
        world: common(p for row in by_world[world].values() for p in row.values())
        for world in present
    }
    everywhere = common(_visible(shared[world]) for world in present) if len(present) > 1 else {}
    lines = [f"signature: {line(everywhere)}"] if everywhere else []
    for world in present:
        lines.extend(_world_lines(world, by_world[world], shared[world], everywhere, names))
    return [Note(text=text) for text in lines]


def row_protocol(row: RowPlan) -> dict[World, str]:
    """World → what all scores of a row share there."""
    return {
        world: line(without(common(map(parts_of, records)), PER_TASK))
        for world in row.variants
        if (records := [r for r in row.variants[world].records.values() if r.score is not None])
    }


def parts_of(record: Record) -> Parts:
    """The short parts of a record's signature."""
    return parts(record.signature)


def metric_note(layout: Layout, rows: Sequence[RowPlan]) -> list[Note]:
    """Which metric each column shows."""
    by_metric: dict[str, dict[str, None]] = {}
    for section in layout.sections:
        for column in section.columns:
            metrics = dict.fromkeys(
                record.main_metric
                for row in rows
                for task in layout.leaves(column.tasks)
                if (record := row.records.get(task)) and record.score is not None
                if record.main_metric
            )
            if metrics:
                labels = by_metric.setdefault(" / ".join(metrics), {})
                labels[column.group or column.label] = None
    texts = [f"{metric} ({listed(list(labels))})" for metric, labels in by_metric.items()]
    return [Note(text=f"metrics: {', '.join(texts)}")] if texts else []


def legend_note(rows: Sequence[Row], layout: Layout, not_percent: Sequence[str]) -> list[Note]:
    """What the numbers and signs of the table mean.

    Args:
        rows: The finished rows.
        layout: The columns.
        not_percent: Labels of the columns that show scores as they are.
    """
    cells = [cell for row in rows for cell in row.cells]
    texts = ["scores × 100"]
    if not_percent:
        texts = [f"scores × 100, except {listed(not_percent)}"]
    texts.extend(
        f"{section.title} average: {_average_words(section)}"
        for section in layout.sections
        if section.average
    )
    if any(cell.best for cell in cells):
        texts.append("bold: best, underlined: second")
    if any(cell.status == "missing" for cell in cells):
        texts.append(f"{MISSING}: not all tasks scored")
    return [Note(text="; ".join(texts))]


def rank_note(layout: Layout, rows: int) -> list[Note]:
    """What the ranks of a table mean.

    Args:
        layout: The columns.
        rows: Number of rows that are ranked.
    """
    return [
        Note(
            text=f"{column.label}: on each of {len(column.tasks)} tasks a row gets a point for "
            f"each of the {rows} rows that it beats; the most points are rank 1"
        )
        for section in layout.sections
        for column in section.columns
        if column.ranks
    ]


def no_answer_notes(rows: Sequence[Row], labels: Sequence[str]) -> list[Note]:
    """A line for each row and kind with samples lost, and one line for what is 0 everywhere.

    Args:
        rows: The finished rows.
        labels: Labels of the columns.
    """
    lines: list[str] = []
    clean: list[str] = []
    for name, words in NO_ANSWER.items():
        known = [row for row in rows if any(name in cell.no_answer for cell in row.cells)]
        lost = [line for row in known if (line := _lost(row, labels, name))]
        lines.extend(f"{words}: {line}" for line in lost)
        if known and not lost:
            clean.append(words)
    if clean:
        lines.append(f"{', '.join(clean)}: 0 % in all columns that know it")
    return [Note(text=line) for line in lines]


def convention_note(
    records: Iterable[Record], convention: Convention, *, always: bool
) -> list[Note]:
    """The line that says which convention a table shows.

    Args:
        records: What the table shows, as stored.
        convention: The convention.
        always: Whether to say it where both conventions agree on every task, too.
    """
    differing: dict[str, dict[str, None]] = {}
    for record in records:
        metric = record.leaderboard_metric
        if record.score is not None and metric and metric != record.main_metric:
            differing.setdefault(f"{metric}, not {record.main_metric}", {})[
                record.signature.task
            ] = None
    if not differing and convention == "paper" and not always:
        return []
    where = "; ".join(f"{metric}: {listed(list(tasks))}" for metric, tasks in differing.items())
    shows = "--convention leaderboard shows " if convention == "paper" else ""
    return [Note(text=f"convention: {convention}{f' ({shows}{where})' if where else ''}")]


def published_notes(table: PublishedTable) -> list[Note]:
    """Where the published rows come from, and what holds for all of them."""
    return [Note(text=f"published: {text}") for text in (table.head.source, *table.head.notes)]


def warning_notes(rows: Sequence[RowPlan]) -> list[Note]:
    """What the harnesses and importers warned of, each text once."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for row in rows:
        for task, record in row.records.items():
            for warning in record.warnings if record.score is not None else ():
                by_row = found.setdefault(plain(warning, LONGEST_WARNING), {})
                by_row.setdefault(row.name, {})[task] = None
    texts = [
        f"warning: {text} ({listed([f'{n}: {listed(list(t))}' for n, t in by_row.items()])})"
        for text, by_row in found.items()
    ]
    more = len(texts) - MOST_LINES
    last = [f"{more} more warnings stand in the records"] if more > 0 else []
    return [Note(text=text) for text in (*texts[:MOST_LINES], *last)]


def suspect_notes(rows: Sequence[RowPlan]) -> list[Note]:
    """The scores that must not be trusted without a look, each reason once.

    For tables whose cells cannot carry marks; other tables mark each cell.
    """
    found: dict[str, list[str]] = {}
    for row in rows:
        for task, record in row.records.items():
            for one in record.suspicions if record.score is not None else ():
                found.setdefault(f"suspect: {said(one)}", []).append(f"{row.name}: {task}")
    return [Note(text=plain(f"{text} ({listed(where)})")) for text, where in found.items()]


def incomplete_note(found: Sequence[tuple[str, str, DisplayScore]]) -> list[Note]:
    """Which cells lack only some of their tasks: ``(row, column, score)`` each."""
    texts = [
        f"{row} {column} {score.tasks - len(score.missing)} of {score.tasks}"
        f" (without {listed(score.missing, 3)})"
        for row, column, score in found
        if 0 < len(score.missing) < score.tasks
    ]
    return [Note(text=f"incomplete: {listed(texts)}")] if texts else []


def _average_words(section: SectionPlan) -> str:
    if section.average == "tasks":
        return f"mean over {len(section.tasks)} tasks"
    return f"mean over {len(section.columns)} columns"


def _scored(
    rows: Sequence[RowPlan], world: World, tasks: Sequence[str]
) -> dict[int, dict[str, Parts]]:
    """Row → task → parts, for what the table shows."""
    shown = set(tasks)
    found: dict[int, dict[str, Parts]] = {}
    for index, row in enumerate(rows):
        for task, record in row.records.items():
            if record.score is not None and record.signature.world == world and task in shown:
                found.setdefault(index, {})[task] = parts_of(record)
    return found


def _visible(shared: Parts) -> Parts:
    return without(shared, PER_TASK | ONLY_IF_DIFFERENT)


def _world_lines(
    world: World,
    found: dict[int, dict[str, Parts]],
    shared: Parts,
    everywhere: Parts,
    names: Sequence[str],
) -> list[str]:
    alone = f"{names[next(iter(found))]}, {world}" if len(found) == 1 else world
    what = {"tasks": _tasks_hash(found, "task"), "data": _tasks_hash(found, "data")}
    own = without(_visible(shared), everywhere)
    by_row: dict[str, list[str]] = {}
    by_task: dict[str, dict[str, dict[str, None]]] = {}
    for index, tasks in found.items():
        rest = {task: without(one, (*PER_TASK, *shared)) for task, one in tasks.items()}
        same = common(rest.values())
        if same:
            by_row.setdefault(line(same), []).append(names[index])
        for task, one in rest.items():
            for key, value in without(one, same).items():
                by_task.setdefault(key, {}).setdefault(value, {})[task] = None
    return [
        f"signature [{alone}]: {line({**{k: v for k, v in what.items() if v}, **own})}",
        *_row_lines(world, by_row),
        *(
            f"signature [{world}, by task]: {key}: "
            + ", ".join(f"{value} ({listed(list(tasks))})" for value, tasks in values.items())
            for key, values in by_task.items()
        ),
    ]


def _row_lines(world: World, by_row: dict[str, list[str]]) -> list[str]:
    """One line for all rows that differ from the others in the same way."""
    lines = [f"signature [{listed(names, 3)}, {world}]: {text}" for text, names in by_row.items()]
    if len(lines) <= MOST_LINES:
        return lines
    rest = sum(len(names) for names in list(by_row.values())[MOST_LINES:])
    return [*lines[:MOST_LINES], f"signature [{rest} more rows, {world}]: see the CSV"]


def _tasks_hash(found: dict[int, dict[str, Parts]], key: str) -> str:
    """Number of tasks and one hash over all their definitions, or over all their data."""
    pairs = sorted(
        {(task, p[key]) for row in found.values() for task, p in row.items() if key in p}
    )
    if not pairs:
        return ""
    count = len({task for task, _ in pairs})
    return f"{count}@{digest(pairs)[:8]}" if key == "task" else digest(pairs)[:8]


def _lost(row: Row, labels: Sequence[str], name: str) -> str:
    shares = [
        f"{label} {100 * cell.no_answer[name]:.1f} %"
        for label, cell in zip(labels, row.cells, strict=True)
        if cell.no_answer.get(name)
    ]
    return f"{listed(shares, 8)} ({row.name})" if shares else ""
