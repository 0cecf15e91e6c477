"""Tables for a terminal: as wide as it is, never wider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions
from rich.text import Text

from evalsuite.results.tables.model import Cell, Head, Note, Table

_GAP = 2
_RAISED = str.maketrans(
    "0123456789abcdefghijklmnoprstuvwxyz,", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ⸴"
)
_STYLES = {
    "failed": "red",
    "skipped": "yellow",
    "missing": "dim",
    "scored": "",
    "stopped": "yellow",
}


@dataclass(frozen=True, slots=True)
class TerminalTable:
    """A table that rich can print; columns that do not fit go on below."""

    table: Table
    stderr: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """The lines of the table and its notes."""
        names = _names(self.table, options.max_width // 2)
        room = options.max_width - names[0].cell_len
        yield Text(self.table.title, style="bold")
        for block in _blocks(_columns(self.table, room - _GAP, stderr=self.stderr), room):
            yield Text()
            yield from _block_lines(block, names, room, _titles(self.table))
        if self.table.notes:
            yield Text()
        for note in self.table.notes:
            yield from _note_lines(note, options.max_width)


def to_terminal(table: Table, *, stderr: bool = False) -> TerminalTable:
    """A table for ``rich.print``.

    Args:
        table: The table.
        stderr: Whether to show standard errors.
    """
    return TerminalTable(table, stderr)


@dataclass(frozen=True, slots=True)
class _Column:
    section: int
    title: str
    lines: tuple[Text, ...]
    """Heading and cells."""

    @property
    def width(self) -> int:
        return max(text.cell_len for text in self.lines)


def _columns(table: Table, most: int, *, stderr: bool) -> list[_Column]:
    """All columns, with labels cut to ``most`` so that their scores stay on the screen."""
    places = [
        (index, section.title, head)
        for index, section in enumerate(table.sections)
        for head in section.columns
    ]
    return [
        _Column(
            section=index,
            title=title,
            lines=(
                _head(head, most),
                *(_cell(row.cells[at], table.decimals, stderr=stderr) for row in table.rows),
            ),
        )
        for at, (index, title, head) in enumerate(places)
    ]


def _titles(table: Table) -> dict[int, str]:
    """Number of the first row of each group → its title."""
    found: dict[int, str] = {}
    first = 0
    for title, rows in table.groups:
        if title:
            found[first] = title
        first += len(rows)
    return found


def _names(table: Table, most: int) -> list[Text]:
    """Heading and names, padded to one width of at most ``most``."""
    texts = [Text(table.corner, style="dim")]
    for row in table.rows:
        mark = Text(_raised(row.mark), style="cyan")
        name = Text(row.name)
        name.truncate(max(1, most - mark.cell_len), overflow="ellipsis")
        texts.append(Text.assemble(name, mark))
    width = max(text.cell_len for text in texts)
    for text in texts:
        text.pad_right(width - text.cell_len)
    return texts


def _blocks(columns: Sequence[_Column], room: int) -> Iterator[list[_Column]]:
    """Columns that fit beside each other; each section in one piece where it fits."""
    block: list[_Column] = []
    for _, members in groupby(columns, key=lambda column: column.section):
        section = list(members)
        if block and _width([*block, *section], room) > room:
            yield block
            block = []
        for column in section:
            if block and _width([*block, column], room) > room:
                yield block
                block = []
            block.append(column)
    if block:
        yield block


def _width(columns: Sequence[_Column], room: int) -> int:
    return sum(_GAP + wide for wide in _widths(columns, room))


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """Width of each column; the first of a section makes room for a long title."""
    widths: list[int] = []
    for _, members in groupby(columns, key=lambda column: column.section):
        found = list(members)
        section = [column.width for column in found]
        title = min(Text(found[0].title).cell_len, room - _GAP)
        spare = title - sum(section) - _GAP * (len(section) - 1)
        section[0] += max(0, spare)
        widths.extend(section)
    return widths


def _block_lines(
    block: Sequence[_Column], names: Sequence[Text], room: int, groups: Mapping[int, str]
) -> Iterator[Text]:
    widths = _widths(block, room)
    titles, rules = [Text(" " * names[0].cell_len)], [Text(" " * names[0].cell_len)]
    for _, members in groupby(zip(block, widths, strict=True), key=lambda pair: pair[0].section):
        section = list(members)
        wide = sum(width for _, width in section) + _GAP * (len(section) - 1)
        title = Text(section[0][0].title, style="bold")
        title.align("center", wide)
        titles.append(title)
        rules.append(Text("─" * wide, style="dim"))
    yield _joined(titles)
    yield _joined(rules)
    total = names[0].cell_len + sum(_GAP + width for width in widths)
    for index, name in enumerate(names):
        if group := groups.get(index - 1):
            above = Text(group, style="dim italic")
            above.truncate(total, overflow="ellipsis")
            yield above
        cells = [name]
        for column, width in zip(block, widths, strict=True):
            cell = column.lines[index].copy()
            cell.pad_left(width - cell.cell_len)
            cells.append(cell)
        yield _joined(cells)
        if index == 0:
            yield Text("─" * total, style="dim")


def _note_lines(note: Note, room: int) -> Iterator[Text]:
    """A note, broken after spaces and after the bars of signatures."""
    mark = _raised(note.mark)
    lines = [Text.assemble((mark, "cyan"), " " if mark else "")]
    for word in re.findall(r"[^ |]*[ |]?", note.text):
        if lines[-1].cell_len + Text(word).cell_len > room and lines[-1].cell_len:
            lines.append(Text("  "))
        lines[-1].append(word, style="dim")
    yield from lines


def _joined(cells: Sequence[Text]) -> Text:
    joined = Text(" " * _GAP).join(cells)
    joined.no_wrap = True
    joined.overflow = "crop"
    return joined


def _head(head: Head, most: int) -> Text:
    mark = Text(_raised(head.mark), style="cyan")
    label = Text(head.label, style="bold" if head.average else "")
    label.truncate(max(1, most - mark.cell_len), overflow="ellipsis")
    return Text.assemble(label, mark)


def _cell(cell: Cell, decimals: int, *, stderr: bool) -> Text:
    style = "bold" if cell.best else "underline" if cell.second else _STYLES[cell.status]
    shown = cell.shown(decimals, stderr=stderr)
    return Text.assemble((shown, style), (_raised(cell.mark), "cyan"))


def _raised(mark: str) -> str:
    """Superscript; symbols such as † stay as they are."""
    return mark.translate(_RAISED)
