"""Tables in LaTeX, with booktabs, that fit the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from evalsuite.report.latex_blocks import (
    SIZE,
    TEXT_WIDTH,
    WIDEST_HEAD,
    WIDEST_NAME,
    Block,
    blocks,
    breaks_names,
    name_width,
)
from evalsuite.report.latex_text import breakable, cut, escape, points
from evalsuite.results.tables.model import Cell, Head, Note, Row, Table

LINES: Final = 42
"""Of a page, at most, for a table that is not broken over pages."""
NOTE_SIZE: Final = 8.0
"""Points of ``\\footnotesize``."""

_HEAD = r"""% Needs \usepackage{booktabs}, \usepackage{longtable} and \usepackage[T1]{fontenc}.
% As wide as the text of article, 10pt. Letters that pdflatex lacks need LuaLaTeX or XeLaTeX."""


def to_latex(table: Table, *, stderr: bool = False) -> str:
    r"""A table in LaTeX that compiles with pdflatex and fits a page of ``article``, 10pt.

    Columns that do not fit go on below. A table for which a page is too short is a ``longtable``,
    which is broken over pages; any other is a complete ``table`` environment.

    Needs ``\usepackage{booktabs}``, ``\usepackage{longtable}`` and ``\usepackage[T1]{fontenc}``.

    Args:
        table: The table.
        stderr: Whether to show standard errors.
    """
    parts = blocks(table, stderr=stderr)
    if _lines(table, parts) > LINES:
        return "\n".join([_HEAD, *_over_pages(table, parts, stderr=stderr), ""])
    tabulars: list[str] = []
    for number, block in enumerate(parts):
        tabulars += [r"\par\medskip"] if number else []
        tabulars += _tabular(table, block, stderr=stderr)
    return "\n".join(
        [
            _HEAD,
            r"\begin{table}[t]",
            r"\centering",
            r"\small",
            r"\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escape(table.title)}}}",
            r"\smallskip",
            *tabulars,
            *_notes_below(table.notes),
            r"\end{table}",
            "",
        ]
    )


def _lines(table: Table, parts: Sequence[Block]) -> float:
    """About how many lines of a page a table takes with its notes."""
    name = max((points(row.name, SIZE) for row in table.rows), default=0.0)
    rows = len(table.rows) * math.ceil(name / WIDEST_NAME or 1)
    notes = sum(math.ceil(1.1 * points(n.text, NOTE_SIZE) / TEXT_WIDTH) for n in table.notes)
    return len(parts) * (rows + len(table.groups) + 4) + 0.8 * notes


def _tabular(table: Table, block: Block, *, stderr: bool) -> list[str]:
    rows = _rows(table, block, stderr=stderr)
    return [
        rf"\begin{{tabular}}{{{_columns(table, block)}}}",
        r"\toprule",
        *_heads(table, block),
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _over_pages(table: Table, parts: Sequence[Block], *, stderr: bool) -> list[str]:
    lines = [r"{\small", r"\setlength{\tabcolsep}{4pt}"]
    for number, block in enumerate(parts):
        heads = [r"\toprule", *_heads(table, block), r"\midrule"]
        caption = [] if number else [rf"\caption{{{escape(table.title)}}} \\"]
        lines += [
            rf"\begin{{longtable}}{{{_columns(table, block)}}}",
            *caption,
            *heads,
            r"\endfirsthead",
            *heads,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *_rows(table, block, stderr=stderr),
            r"\end{longtable}",
        ]
    notes = [rf"\noindent {_note(note)}\par" for note in table.notes]
    return [*lines, "}", *([r"{\footnotesize\raggedright", *notes, "}"] if notes else [])]


def _columns(table: Table, block: Block) -> str:
    name = f"p{{{name_width(table):.0f}pt}}" if breaks_names(table) else "l"
    return " ".join([name, *("r" * len(members) for _, members in block.sections)])


def _heads(table: Table, block: Block) -> list[str]:
    titles, rules, first = [""], [], 2
    for title, members in block.sections:
        span = len(members)
        shown = escape(cut(title, TEXT_WIDTH - name_width(table), SIZE))
        titles.append(rf"\multicolumn{{{span}}}{{c}}{{{shown}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
        first += span
    sections = [_line(titles), " ".join(rules)] if rules else []
    heads = [_head(table.heads[index]) for index in block.columns]
    return [*sections, _line([escape(table.corner), *heads])]


def _rows(table: Table, block: Block, *, stderr: bool) -> list[str]:
    lines: list[str] = []
    for number, (group, rows) in enumerate(table.groups):
        lines += [r"\midrule"] if number else []
        if group:
            lines.append(_group(group, 1 + len(block.columns)))
        for row in rows:
            cells = [
                _cell(row.cells[index], table.decimals, stderr=stderr) for index in block.columns
            ]
            lines.append(_line([_name(row, table), *cells]))
    return lines


def _group(title: str, span: int) -> str:
    shown = rf"\textit{{{escape(cut(title, TEXT_WIDTH - 10, SIZE))}}}"
    return rf"\multicolumn{{{span}}}{{l}}{{{shown}}} \\"


def _name(row: Row, table: Table) -> str:
    if not breaks_names(table):
        return escape(row.name) + _mark(row.mark)
    return rf"\raggedright {breakable(row.name)}{_mark(row.mark)}"


def _notes_below(notes: Sequence[Note]) -> list[str]:
    if not notes:
        return []
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(_note(note) + r"\par" for note in notes),
        r"\end{minipage}",
    ]


def _note(note: Note) -> str:
    return _mark(note.mark) + breakable(note.text)


def _line(cells: list[str]) -> str:
    # A bracket or star after \\ or a rule would be read as its argument.
    guard = "{}" if cells[0].startswith(("[", "*")) else ""
    return guard + " & ".join(cells) + r" \\"


def _head(head: Head) -> str:
    return escape(cut(head.label, WIDEST_HEAD, SIZE)) + _mark(head.mark)


def _cell(cell: Cell, decimals: int, *, stderr: bool) -> str:
    shown = escape(cell.shown(decimals, stderr=stderr))
    if shown.startswith("-") and cell.value is not None:
        shown = f"$-${shown[1:]}"
    if cell.best:
        shown = rf"\textbf{{{shown}}}"
    elif cell.second:
        shown = rf"\underline{{{shown}}}"
    return shown + _mark(cell.mark)


def _mark(mark: str) -> str:
    return rf"\textsuperscript{{{escape(mark)}}}" if mark else ""
